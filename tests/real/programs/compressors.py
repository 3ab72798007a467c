"""Threaded compressors: what comes back must be what went in, with whatever tool unpacks it."""

import hashlib
import random

from harness.case import Program

MIB = 1 << 20


def write_sample(path, size):
    """Half text, half noise, so that blocks take unequal time; the same at every run."""
    chance = random.Random(7)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randrange(2, 11))) for _ in range(4000)]
    with open(path, "wb") as file:
        written = 0
        while written < size:
            block = b" ".join(chance.choices(words, k=20000)) if chance.random() < 0.7 else chance.randbytes(60000)
            written += file.write(block[: size - written])


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tester(pack, unpack, suffix, threads, size, unpacks_threaded):
    """@unpack ends with the option to unpack; -t in its place tests."""
    def run(case):
        sample = case.path("sample")
        write_sample(sample, case.pick(size, size // 2))
        before = digest(sample)
        _, packing = case.time_program(pack + [sample], threads, 50, "pack")
        plain = case.start(unpack[:-1] + ["-t", sample + suffix], "verify", tested=False)
        case.check(plain.wait(30) == 0, f"the native tool rejects the archive: {plain.tail()}")
        with open(sample, "rb+") as file:
            file.truncate(0)
        _, unpacking = case.time_program(unpack + ["-f", sample + suffix], 2 if unpacks_threaded else 1, 50, "unpack")
        case.check(digest(sample) == before, "the unpacked file differs from the original")
        case.figure(packing + unpacking, "s", higher_is_better=False)

    return run


def program(name, package, pack, unpack, suffix, threads, size, unpacks_threaded=True):
    return Program(name, tester(pack, unpack, suffix, threads, size, unpacks_threaded), ((name, package),))


PROGRAMS = [
    program("pbzip2", "pbzip2", ["pbzip2", "-p8", "-k", "-b3"], ["pbzip2", "-p8", "-d"], ".bz2", 8, 20 * MIB),
    program("lbzip2", "lbzip2", ["lbzip2", "-n8", "-k"], ["lbzip2", "-n8", "-d"], ".bz2", 8, 10 * MIB),
    program("pigz", "pigz", ["pigz", "-p8", "-k"], ["pigz", "-d"], ".gz", 8, 40 * MIB),
    program("xz", "xz-utils", ["xz", "-T4", "-k", "-2", "--block-size=1MiB"], ["xz", "-T4", "-d"], ".xz", 4, 16 * MIB),
    program("zstd", "zstd", ["zstd", "-q", "-T4", "-k", "-9"], ["zstd", "-q", "-d"], ".zst", 4, 48 * MIB, False),
    program("plzip", "plzip", ["plzip", "-n4", "-k", "-1", "-B1MiB"], ["plzip", "-n4", "-d"], ".lz", 4, 16 * MIB),
]
