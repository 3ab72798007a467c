"""Apache with mpm_worker: two children of 100 threads each serve 150 keep-alive connections.

Two listening ports make the children take turns by Apache's accept mutex. The children are the threaded
processes, and run as another user when the tests are root's.
"""

import os
import random

from harness.case import Program
from harness.load import GATHER, expect, http_reply
from harness.process import children_of
from harness.servers import page

MODULES = "/usr/lib/apache2/modules"
CLIENTS = 150
CHILDREN = 2
THREADS = 100
SIZES = (100, 3000, 20000, 100000)


def configuration(case, ports):
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    return f"""ServerRoot {case.folder}
ServerName localhost
PidFile {case.path("apache.pid")}
ErrorLog {case.path("apache-error.log")}
DefaultRuntimeDir {case.folder}
Listen 127.0.0.1:{ports[0]}
Listen 127.0.0.1:{ports[1]}
{user}LoadModule mpm_worker_module {MODULES}/mod_mpm_worker.so
LoadModule authz_core_module {MODULES}/mod_authz_core.so
ServerLimit {CHILDREN}
StartServers {CHILDREN}
ThreadLimit {THREADS}
ThreadsPerChild {THREADS}
MaxRequestWorkers {CHILDREN * THREADS}
MinSpareThreads 1
MaxSpareThreads {CHILDREN * THREADS}
ListenBacklog 1024
KeepAlive On
KeepAliveTimeout 30
MaxKeepAliveRequests 0
DocumentRoot {case.path("pages")}
"""


def write_pages(case):
    folder = case.path("pages")
    os.mkdir(folder)
    for size in SIZES:
        for index in range(8):
            with open(os.path.join(folder, f"{size}-{index}"), "wb") as file:
                file.write(page(size, str(index)))


def script(number, clock):
    chance = random.Random(number)
    yield b"GET /100-0 HTTP/1.1\r\nHost: localhost\r\n\r\n", http_reply
    yield GATHER
    while not clock.over():
        size, index = chance.choice(SIZES), chance.randrange(8)
        reply = yield b"GET /%d-%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % (size, index), http_reply
        head, _, body = reply.partition(b"\r\n\r\n")
        expect(head[:15], b"HTTP/1.1 200 OK", f"page {size}-{index}")
        expect(body, page(size, str(index)), f"page {size}-{index}")


def run(case):
    case.check(os.path.exists(f"{MODULES}/mod_mpm_worker.so"), "apache2-bin has no mpm_worker here")
    ports = [case.free_port(), case.free_port()]
    write_pages(case)
    server = case.start(["apache2", "-DFOREGROUND", "-f", case.write("apache.conf", configuration(case, ports))])
    case.wait_port(server, ports[0])
    case.wait_port(server, ports[1])
    children = lambda: children_of(server.pid)
    seconds = case.pick(4, 2)
    result = case.drive(server, CHILDREN * THREADS, ("127.0.0.1", ports[0]), script, CLIENTS, seconds, pids=children)
    case.drive(server, CHILDREN * THREADS, ("127.0.0.1", ports[1]), script, 20, 0.3, pids=children)
    case.figure(result.per_second, "requests/s", p99_ms=result.p99_ms)
    case.ended(server.stop())
    with open(case.path("apache-error.log"), encoding="utf-8") as file:
        bad = [text for text in file if any(word in text for word in (":crit]", ":alert]", ":emerg]", "exit signal"))]
    case.check(not bad, f"Apache logged: {' '.join(bad[:2]).strip()}")


PROGRAMS = [Program("apache", run, (("apache2", "apache2-bin"),))]
