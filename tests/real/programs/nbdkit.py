"""nbdkit with 16 threads for each of 20 connections: random writes and reads, each client in its own part of the disk."""

import random
import struct

from harness.case import Program
from harness.load import GATHER, exactly, expect

CLIENTS = 20
THREADS = 16
PART = 1 << 20
READ, WRITE = 0, 1


def request(kind, cookie, offset, length):
    return struct.pack(">IHHQQI", 0x25609513, 0, kind, cookie, offset, length)


def answer(cookie, data=b""):
    return struct.pack(">IIQ", 0x67446698, 0, cookie) + data


def greet():
    """Asks for the export without a name."""
    hello = yield b"", exactly(18)
    expect(hello[:16], b"NBDMAGICIHAVEOPT", "greeting")
    export = yield struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0), exactly(10)
    expect(export[:8], struct.pack(">Q", CLIENTS * PART), "size of the disk")


def script(number, clock):
    chance = random.Random(number)
    start, held, cookie = number * PART, bytearray(PART), 0
    yield from greet()
    yield GATHER
    while not clock.over():
        cookie += 1
        length = chance.choice((512, 4096, 30000))
        at = chance.randrange(PART - length)
        if chance.random() < 0.5:
            held[at : at + length] = chance.randbytes(length)
            order = request(WRITE, cookie, start + at, length) + held[at : at + length]
            expect((yield order, exactly(16)), answer(cookie), f"write of {length} bytes at {at}")
        else:
            reply = yield request(READ, cookie, start + at, length), exactly(16 + length)
            expect(reply, answer(cookie, held[at : at + length]), f"read of {length} bytes at {at}")


def run(case):
    port = case.free_port()
    place = ["-i", "127.0.0.1", "-p", str(port)]
    server = case.start(["nbdkit", "-f", *place, "-t", str(THREADS), "memory", str(CLIENTS * PART)])
    case.wait_port(server, port)
    floor, seconds = CLIENTS * THREADS, case.pick(4, 1.5)
    result = case.drive(server, floor, ("127.0.0.1", port), script, CLIENTS, seconds, processes=1)
    case.figure(result.per_second, "requests/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


PROGRAMS = [Program("nbdkit", run, (("nbdkit", "nbdkit"),))]
