"""curl with its threaded resolver: a thread for each name to resolve, 100 transfers side by side.

curl answers `localhost` itself, so the tests take another name of a loopback address, and it keeps an
answer for each name and port, so the origin listens on many ports.
"""

import os
import socket

from harness.case import Program, Skip
from harness.servers import Server, http, page

PORTS = 128


def loopback_name():
    """A name other than localhost that resolves to a loopback address, and that address."""
    candidates = [socket.gethostname(), "ip6-localhost", "ip6-loopback"]
    with open("/etc/hosts", encoding="utf-8") as file:
        for text in file:
            candidates += text.partition("#")[0].split()[1:]
    for name in candidates:
        if name == "localhost" or name.endswith(".localhost"):
            continue
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except OSError:
            continue
        addresses = {entry[4][0] for entry in found}
        if len(addresses) == 1 and (address := addresses.pop()).startswith(("127.", "::1")):
            return name, address
    raise Skip("no name but localhost has a loopback address in /etc/hosts")


def run(case):
    name, address = loopback_name()
    rounds = case.pick(32, 8)
    pages, lines = [], []
    with Server(http, PORTS, address) as origin:
        for index in range(PORTS * rounds):
            size, label = index * 997 % 30000, f"page{index}"
            pages.append((size, label))
            lines.append(f'url = "http://{name}:{origin.ports[index % PORTS]}/{size}/{label}"\noutput = "{label}"\n')
        options = "parallel\nparallel-immediate\nparallel-max = 100\nsilent\nshow-error\nfail\nmax-time = 40\n"
        config = case.write("urls", options + "".join(lines))
        _, took = case.time_program(["curl", "-q", "-K", config], 1, 50)
    for size, label in pages:
        with open(os.path.join(case.folder, label), "rb") as file:
            case.check(file.read() == page(size, label), f"{label} is not what the origin sent")
    case.figure(len(pages) / took, "transfers/s")


PROGRAMS = [Program("curl", run, (("curl", "curl"),))]
