"""Unbound with 4 threads: 200 connections ask for names of a local zone, and get each name's own address."""

import random
import struct

from harness.case import Program
from harness.load import GATHER, expect

CLIENTS = 200
THREADS = 4
NAMES = 1000


def address_of(index):
    return bytes((10, 1, index // 256, index % 256))


def configuration(case, port):
    data = "".join(f'    local-data: "h{n}.test. A {".".join(map(str, address_of(n)))}"\n' for n in range(NAMES))
    return f"""server:
    interface: 127.0.0.1
    port: {port}
    num-threads: {THREADS}
    incoming-num-tcp: {CLIENTS + 20}
    outgoing-num-tcp: 1
    outgoing-range: 16
    tcp-idle-timeout: 60000
    username: ""
    chroot: ""
    directory: "{case.folder}"
    pidfile: "{case.path("unbound.pid")}"
    use-syslog: no
    minimal-responses: yes
    local-zone: "test." static
{data}remote-control:
    control-enable: no
"""


def whole(buffer):
    """Over TCP a message has its length before it."""
    size = 2 + int.from_bytes(buffer[:2], "big")
    return size if 2 < size <= len(buffer) else 0


def question(index):
    name = f"h{index}".encode()
    return bytes([len(name)]) + name + b"\x04test\x00" + struct.pack(">HH", 1, 1)


def query(chance, index):
    number = chance.randrange(65536)
    message = struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + question(index)
    return number, struct.pack(">H", len(message)) + message


def script(number, clock):
    chance = random.Random(number)
    yield query(chance, 0)[1], whole
    yield GATHER
    while not clock.over():
        index = chance.randrange(NAMES)
        identity, message = query(chance, index)
        reply = yield message, whole
        found, flags, _, answers = struct.unpack(">HHHH", reply[2:10])
        expect((found, flags & 0x800F, answers), (identity, 0x8000, 1), f"name h{index}")
        expect(reply[14 : 14 + len(question(index))], question(index), f"name h{index}")
        expect(reply[-4:], address_of(index), f"name h{index}")


def run(case):
    port = case.free_port()
    server = case.start(["unbound", "-d", "-c", case.write("unbound.conf", configuration(case, port))])
    case.wait_port(server, port)
    result = case.drive(server, THREADS, ("127.0.0.1", port), script, CLIENTS, case.pick(4, 1.5), processes=1)
    case.figure(result.per_second, "queries/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


PROGRAMS = [Program("unbound", run, (("unbound", "unbound"),))]
