"""memcached with 4 worker threads and 1,000 connections.

Each client keeps a key of its own, which must always read back as last written, and adds to counters
that all clients share, whose end value must be the sum of what was added.
"""

import os
import random
import socket

from harness.case import Program
from harness.load import GATHER, Mismatch, expect, line, until
from harness.process import Failure

CLIENTS = 1000
COUNTERS = 4
WORKERS = 4
NAMES = ["total"] + [f"shared{index}" for index in range(COUNTERS)]
THREADS = 6  # main, four workers and at least one of memcached's own housekeepers


def script(number, clock):
    chance = random.Random(number)
    yield b"set own%d 0 0 4\r\ninit\r\n" % number, line
    yield GATHER
    while not clock.over():
        value = chance.randbytes(chance.choice((10, 100, 1000, 4000))).hex().encode()
        reply = yield b"set own%d 0 0 %d\r\n%s\r\n" % (number, len(value), value), line
        expect(reply, b"STORED\r\n", f"set own{number}")
        reply = yield b"get own%d\r\n" % number, until(b"END\r\n")
        expect(reply, b"VALUE own%d 0 %d\r\n%s\r\nEND\r\n" % (number, len(value), value), f"get own{number}")
        counter = chance.randrange(COUNTERS)
        for key in (b"shared%d" % counter, b"total"):
            reply = yield b"incr %s 1\r\n" % key, line
            if not reply.strip().isdigit():
                raise Mismatch(f"incr: got {reply!r}")


def ask(port, request, end=b"END\r\n"):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        reply = b""
        while end not in reply:
            data = connection.recv(65536)
            if not data:
                raise Failure(f"memcached closed the connection after {request[:40]!r}")
            reply += data
        return reply.decode()


def command(port, connections):
    words = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", str(WORKERS), "-m", "64"]
    return words + ["-c", str(connections + 100)] + (["-u", "root"] if os.getuid() == 0 else [])


def zero_counters(port):
    for key in NAMES:
        ask(port, f"set {key} 0 0 1\r\n0\r\n".encode(), b"STORED\r\n")


def check_counters(port):
    text = ask(port, f"get {' '.join(NAMES)}\r\n".encode())
    values = [int(word) for word in text.splitlines() if word.isdigit()]
    if len(values) != len(NAMES):
        raise Failure(f"{len(values)} of {len(NAMES)} counters are left")
    if values[0] != sum(values[1:]):
        raise Failure(f"lost increments: total {values[0]}, sum {sum(values[1:])}")


def run(case):
    port = case.free_port()
    server = case.start(command(port, CLIENTS))
    case.wait_port(server, port)
    zero_counters(port)
    result = case.drive(server, THREADS, ("127.0.0.1", port), script, CLIENTS, case.pick(4, 2))
    case.figure(result.per_second, "ops/s", p99_ms=result.p99_ms)
    check_counters(port)
    stats = dict(text.split()[1:3] for text in ask(port, b"stats\r\n").splitlines() if text.startswith("STAT "))
    case.check(stats["threads"] == str(WORKERS), f"memcached says it has {stats['threads']} threads")
    case.check(int(stats["cmd_set"]) >= CLIENTS, f"memcached counted {stats['cmd_set']} sets")
    case.ended(server.stop())


PROGRAMS = [Program("memcached", run, (("memcached", "memcached"),))]
