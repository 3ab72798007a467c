"""Name servers with several threads; Unbound's clients ask each for names of a zone of its own."""

from harness.case import Program

from . import unbound

THREADS = 4


def write_zone(case):
    names = "".join(f"h{n} A {'.'.join(map(str, unbound.address_of(n)))}\n" for n in range(unbound.NAMES))
    return case.write("test.zone", "$TTL 60\n@ SOA ns root 1 60 60 60 60\n NS ns\nns A 10.0.0.1\n" + names)


def knot(case, port):
    conf = f"""server:
  rundir: {case.folder}
  listen: 127.0.0.1@{port}
  udp-workers: {THREADS}
  tcp-workers: {THREADS}
  background-workers: {THREADS}
  tcp-max-clients: 1000
  tcp-idle-timeout: 60
database:
  storage: {case.folder}
zone:
  - domain: test
    file: {write_zone(case)}
"""
    return ["knotd", "-c", case.write("knot.conf", conf)]


def named(case, port):
    conf = f"""options {{
  directory "{case.folder}";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  session-keyfile "{case.path("session.key")}";
  recursion no;
  minimal-responses yes;
  tcp-clients 1000;
}};
controls {{}};
zone "test" {{ type master; file "{write_zone(case)}"; }};
"""
    return ["named", "-f", "-n", str(THREADS), "-c", case.write("named.conf", conf)]


def server(command):
    def run(case):
        port = case.free_port()
        process = case.start(command(case, port))
        case.wait_port(process, port)
        seconds = case.pick(4, 1.5)
        result = case.drive(process, THREADS, ("127.0.0.1", port), unbound.script, unbound.CLIENTS, seconds, processes=1)
        case.figure(result.per_second, "queries/s", p99_ms=result.p99_ms)
        case.ended(process.stop())

    return run


PROGRAMS = [
    Program("knot", server(knot), (("knotd", "knot"),)),
    Program("named", server(named), (("named", "bind9"),)),
]
