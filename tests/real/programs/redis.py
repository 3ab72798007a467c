"""redis-server, once as it comes and once with 4 I/O threads, which wait for each other by spinning.

Clients keep keys and lists of their own and add to shared counters; background saves fork the
threaded server in the middle of it.
"""

import os
import random
import subprocess
import time

from harness.case import DEBIAN_PATH, Program
from harness.load import GATHER, Mismatch, expect, line
from harness.process import Failure

CLIENTS = 200
BINARY = "redis-check-rdb"  # the same file as redis-server, which looks at its own name


def bulk(buffer):
    """One bulk string reply, or an error or integer line."""
    if not buffer.startswith(b"$"):
        return line(buffer)
    head = line(buffer)
    if not head:
        return 0
    length = head + int(buffer[1 : head - 2]) + 2
    return length if len(buffer) >= length else 0


def request(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def script(number, clock):
    chance = random.Random(number)
    key = f"own{number}"
    yield request("PING"), line
    yield GATHER
    pushed = 0
    while not clock.over():
        value = chance.randbytes(chance.choice((10, 100, 1000, 10000)))
        expect((yield request("SET", key, value), line), b"+OK\r\n", f"SET {key}")
        expect((yield request("GET", key), bulk), b"$%d\r\n%s\r\n" % (len(value), value), f"GET {key}")
        pushed += 1
        expect((yield request("RPUSH", "list" + key, pushed), line), b":%d\r\n" % pushed, f"RPUSH list{key}")
        for name in (f"shared{chance.randrange(4)}", "total"):
            reply = yield request("INCR", name), line
            if not reply.startswith(b":"):
                raise Mismatch(f"INCR {name}: got {reply!r}")


class Cli:
    """redis-cli, the real client."""

    def __init__(self, port):
        self.port = port

    def ask(self, *words):
        argv = ["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *words]
        env = {"PATH": DEBIAN_PATH}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=20, check=False)
        if done.returncode != 0:
            raise Failure(f"redis-cli {' '.join(words)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout.strip()

    def info(self, section):
        pairs = [text.split(":", 1) for text in self.ask("INFO", section).splitlines() if ":" in text]
        return dict(pairs)


def wait_saved(case, cli):
    """Waits for the background saves, which fork the server every second while it is under load."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        state = cli.info("persistence")
        if state["rdb_bgsave_in_progress"] == "0" and int(state["rdb_saves"]) > 0:
            case.check(state["rdb_last_bgsave_status"] == "ok", "the last background save failed")
            case.check(os.path.getsize(case.path("dump.rdb")) > 1000, "the background save left no file")
            return
        time.sleep(0.1)
    case.check(False, f"no background save was finished within 15 s: {state}")


def tester(io_threads, floor):
    def run(case):
        port = case.free_port()
        os.symlink(f"/usr/bin/{BINARY}", case.path("redis-server"))
        argv = [case.path("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "1 100", "--dir", case.folder]
        if io_threads:
            argv += ["--io-threads", str(io_threads), "--io-threads-do-reads", "yes"]
        server = case.start(argv)
        case.wait_port(server, port)
        cli = Cli(port)
        seconds = case.pick(3, 1.5)
        result = case.drive(server, floor, ("127.0.0.1", port), script, CLIENTS, seconds)
        case.figure(result.per_second, "ops/s", p99_ms=result.p99_ms)

        values = [int(text or 0) for text in cli.ask("MGET", "total", *(f"shared{n}" for n in range(4))).splitlines()]
        case.check(values[0] == sum(values[1:]), f"lost increments: total {values[0]}, sum {sum(values[1:])}")
        for number in (0, CLIENTS // 2, CLIENTS - 1):
            found = cli.ask("LRANGE", f"listown{number}", "0", "-1").split()
            case.check(found == [str(n + 1) for n in range(len(found))] and found, f"listown{number} is out of order")
        wait_saved(case, cli)
        case.ended(server.stop())

    return run


NEEDS = ((BINARY, "redis-tools"), ("redis-cli", "redis-tools"))
PROGRAMS = [
    Program("redis", tester(0, 4), NEEDS),
    Program("redis-io-threads", tester(4, 7), NEEDS),
]
