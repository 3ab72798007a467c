"""Debian's Python 3: a threaded HTTP server, a pool of 200 threads, and subprocesses from 32 threads."""

import os

from harness import digest
from harness.case import Program

PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payload")
PYTHON = "/usr/bin/python3"
CLIENTS = 200


def run_http(case):
    port = case.free_port()
    server = case.start([PYTHON, os.path.join(PAYLOAD, "http_server.py"), str(port)])
    case.wait_port(server, port)
    result = case.drive(server, CLIENTS, ("127.0.0.1", port), digest.script, CLIENTS, case.pick(4, 2), processes=1)
    case.figure(result.per_second, "requests/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


def run_payload(payload, threads, arguments):
    """A program that checks its own work and ends with a line `ok ...`."""

    def run(case):
        argv = [PYTHON, os.path.join(PAYLOAD, payload)] + case.pick(*arguments)
        program, took = case.time_program(argv, threads, 50, payload)
        case.check(program.out().startswith("ok "), f"{payload} printed {program.out()[:80]!r}")
        case.figure(took, "s", higher_is_better=False)

    return run


NEEDS = ((PYTHON, "python3"),)
PROGRAMS = [
    Program("python-http", run_http, NEEDS),
    Program("python-pool", run_payload("thread_pool.py", 200, (["12000"], ["4000"])), NEEDS),
    Program("python-subprocess", run_payload("subprocesses.py", 32, (["10"], ["4"])), NEEDS),
]
