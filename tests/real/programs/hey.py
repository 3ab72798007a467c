"""hey, a Go program whose runtime makes its threads by libc: 50 connections fetch a page many times."""

import re

from harness.case import Program
from harness.servers import Server, http

CONNECTIONS = 50
BYTES = 3000


def run(case):
    requests = case.pick(40000, 10000)
    with Server(http) as origin:
        url = f"http://127.0.0.1:{origin.port}/{BYTES}/page"
        # Go's calls are at sites that cannot be rewritten: without this the shim steps aside.
        argv = ["env", "CORO_DISPATCH=on", "hey", "-n", str(requests), "-c", str(CONNECTIONS), url]
        program, _ = case.time_program(argv, 4, 50, name="hey")
    text = program.out()
    found = re.search(r"\[200\]\s+(\d+) responses", text)
    case.check(found and int(found.group(1)) == requests, f"hey did not get {requests} pages: {text[-300:]}")
    total = re.search(r"Total data:\s+(\d+) bytes", text)
    case.check(total and int(total.group(1)) == requests * BYTES, f"hey did not get {requests * BYTES} bytes")
    case.figure(float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "requests/s")


PROGRAMS = [Program("hey", run, (("hey", "hey"),))]
