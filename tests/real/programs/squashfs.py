"""mksquashfs and unsquashfs with 8 processors: the tree that comes out is the one that went in."""

import os
import random

from harness.case import Program

from .compressors import MIB, digest, write_sample

THREADS = 8


def write_tree(folder, size):
    """One large file, and many small ones with duplicates among them."""
    os.mkdir(folder)
    write_sample(os.path.join(folder, "large"), size)
    chance = random.Random(3)
    for index in range(400):
        with open(os.path.join(folder, f"small{index}"), "wb") as file:
            file.write(bytes([index % 50]) * 300 + random.Random(index % 200).randbytes(chance.randrange(3000)))


def digests(folder):
    return {name: digest(os.path.join(folder, name)) for name in os.listdir(folder)}


def run(case):
    tree, image, out = case.path("tree"), case.path("image"), case.path("out")
    write_tree(tree, case.pick(16, 8) * MIB)
    quiet, processors = ["-quiet", "-no-progress"], ["-processors", str(THREADS)]
    _, packing = case.time_program(["mksquashfs", tree, image, *quiet, *processors], THREADS, 50, "pack")
    _, unpacking = case.time_program(["unsquashfs", *quiet, *processors, "-d", out, image], THREADS, 50, "unpack")
    case.check(digests(out) == digests(tree), "the unpacked tree differs from the original")
    case.figure(packing + unpacking, "s", higher_is_better=False)


PROGRAMS = [Program("squashfs", run, (("mksquashfs", "squashfs-tools"), ("unsquashfs", "squashfs-tools")))]
