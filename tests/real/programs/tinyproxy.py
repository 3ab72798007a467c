"""tinyproxy, a thread for each connection: 1,000 tunnels open at once, then plain requests.

Half of the measured clients' bytes are random, so that a tunnel that mixes up its ends is noticed.
"""

import random

from harness.case import Program
from harness.load import GATHER, RECONNECT, Mismatch, exactly, expect, http_reply, until
from harness.servers import Server, echo, http, page

TUNNELS = 1000
GETTERS = 50


def configuration(port):
    return f"""Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients {TUNNELS + GETTERS + 100}
LogLevel Warning
DisableViaHeader Yes
"""


def tunnel_script(echo_port):
    def script(number, clock):
        chance = random.Random(number)
        opening = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % (echo_port, echo_port)
        reply = yield opening, until(b"\r\n\r\n")
        if b" 200 " not in reply.split(b"\r\n", 1)[0]:
            raise Mismatch(f"CONNECT: got {reply[:60]!r}")
        yield GATHER
        while not clock.over():
            data = chance.randbytes(chance.choice((50, 500, 5000, 30000)))
            expect((yield data, exactly(len(data))), data, f"tunnel {number}")

    return script


def get_script(origin_port, rounds):
    """Requests over a new connection each: a thread is made and ends for every one."""

    def script(number, _clock):
        yield GATHER
        for index in range(rounds):
            name, size = f"{number}-{index}", (number * 37 + index * 501) % 20000
            reply = yield (
                b"GET http://127.0.0.1:%d/%d/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n"
                % (origin_port, size, name.encode(), origin_port)
            ), http_reply
            expect(reply.partition(b"\r\n\r\n")[2], page(size, name), f"page {name}")
            if index + 1 < rounds:
                yield RECONNECT

    return script


def run(case):
    port = case.free_port()
    proxy = case.start(["tinyproxy", "-d", "-c", case.write("tinyproxy.conf", configuration(port))])
    case.wait_port(proxy, port)
    address = ("127.0.0.1", port)
    with Server(echo) as far, Server(http) as origin:
        result = case.drive(proxy, TUNNELS, address, tunnel_script(far.port), TUNNELS, case.pick(4, 2), processes=1)
        rounds = case.pick(60, 30)
        gets = case.drive(proxy, 1, address, get_script(origin.port, rounds), GETTERS, 0, processes=1)
        case.check(gets.operations == GETTERS * rounds, f"{gets.operations} of {GETTERS * rounds} pages came")
    case.figure(result.per_second, "echoes/s", p99_ms=result.p99_ms)
    case.ended(proxy.stop())


PROGRAMS = [Program("tinyproxy", run, (("tinyproxy", "tinyproxy-bin"),))]
