"""dnsdist with 10 threads for TCP: 200 connections ask for names that it answers itself."""

from harness.case import Program

from .unbound import NAMES, address_of, script

CLIENTS = 200
THREADS = 12


def configuration(port):
    addresses = (".".join(map(str, address_of(n))) for n in range(NAMES))
    rules = "".join(f'addAction("h{n}.test.", SpoofAction("{a}"))\n' for n, a in enumerate(addresses))
    return f"""setLocal("127.0.0.1:{port}")
setACL("127.0.0.0/8")
setMaxTCPClientThreads(10)
setSecurityPollSuffix("")
{rules}"""


def run(case):
    port = case.free_port()
    file = case.write("dnsdist.conf", configuration(port))
    server = case.start(["dnsdist", "--supervised", "--disable-syslog", "-C", file])
    case.wait_port(server, port)
    seconds = case.pick(4, 1.5)
    result = case.drive(server, THREADS, ("127.0.0.1", port), script, CLIENTS, seconds, processes=1)
    case.figure(result.per_second, "queries/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


PROGRAMS = [Program("dnsdist", run, (("dnsdist", "dnsdist"),))]
