"""clamd with up to 8 threads for scans: 50 sessions send data, some with the marker of its only signature."""

import random
import struct

from harness.case import Program
from harness.load import GATHER, expect, until

CLIENTS = 50
THREADS = 8
FLOOR = 5  # clamd makes the threads of its pool when it finds all of them busy
MARKER = b"coroshim-marker-of-a-signature"


def configuration(case, port):
    return f"""TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {case.folder}
TemporaryDirectory {case.folder}
MaxThreads {THREADS}
MaxQueue {4 * CLIENTS}
IdleTimeout 60
Foreground yes
"""


def script(number, clock):
    chance = random.Random(number)
    yield GATHER
    command, scans = b"zIDSESSION\0", 0
    while not clock.over():
        data, found = chance.randbytes(chance.randrange(1, 40000)), chance.random() < 0.3
        if found:
            middle = chance.randrange(len(data))
            data = data[:middle] + MARKER + data[middle:]
        scans += 1
        reply = yield command + b"zINSTREAM\0" + struct.pack(">I", len(data)) + data + bytes(4), until(b"\0")
        verdict = b"Marker.UNOFFICIAL FOUND" if found else b"OK"
        expect(reply, b"%d: stream: %s\0" % (scans, verdict), f"scan {scans}")
        command = b""


def run(case):
    port = case.free_port()
    case.write("marker.ndb", f"Marker:0:*:{MARKER.hex()}\n")
    server = case.start(["clamd", "-c", case.write("clamd.conf", configuration(case, port))])
    case.wait_port(server, port)
    result = case.drive(server, FLOOR, ("127.0.0.1", port), script, CLIENTS, case.pick(4, 1.5), processes=1)
    case.figure(result.per_second, "scans/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


PROGRAMS = [Program("clamd", run, (("clamd", "clamav-daemon"),))]
