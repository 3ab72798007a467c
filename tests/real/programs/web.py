"""Web servers and proxies: nginx with a thread pool, HAProxy and Varnish in front of an origin."""

import os
import random
import re

from harness.case import Program
from harness.load import GATHER, expect, http_reply
from harness.process import children_of
from harness.servers import Server, http, page

SIZES = (100, 3000, 20000, 100000)
CLIENTS = 100
NGINX_THREADS = 8
HAPROXY_THREADS = 4
OPTIONS_OF_VARNISH = ["-s", "malloc,64m", "-j", "none", "-T", "none"]


def script(number, clock):
    """Gets pages of any size over one connection."""
    chance = random.Random(number)
    yield b"GET /100/0 HTTP/1.1\r\nHost: localhost\r\n\r\n", http_reply
    yield GATHER
    while not clock.over():
        size, name = chance.choice(SIZES), str(chance.randrange(8))
        reply = yield b"GET /%d/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (size, name.encode()), http_reply
        head, _, body = reply.partition(b"\r\n\r\n")
        expect(head[:15], b"HTTP/1.1 200 OK", f"page {size}/{name}")
        expect(body, page(size, name), f"page {size}/{name}")


def write_pages(case):
    for size in SIZES:
        os.makedirs(case.path(f"pages/{size}"))
        for index in range(8):
            with open(case.path(f"pages/{size}/{index}"), "wb") as file:
                file.write(page(size, str(index)))


def load(case, process, port, floor, pids=None):
    address = ("127.0.0.1", port)
    result = case.drive(process, floor, address, script, CLIENTS, case.pick(4, 1.5), pids=pids, processes=1)
    case.figure(result.per_second, "requests/s", p99_ms=result.p99_ms)


def nginx_configuration(case, port):
    user = "user www-data;\n" if os.getuid() == 0 else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"    {kind}_temp_path {case.path(kind)};\n" for kind in kinds)
    return f"""{user}daemon off;
worker_processes 1;
pid {case.path("nginx.pid")};
thread_pool readers threads={NGINX_THREADS};
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile off;
    aio threads=readers;
    output_buffers 2 16k;
    keepalive_requests 1000000;
{folders}    server {{
        listen 127.0.0.1:{port} backlog=512;
        root {case.path("pages")};
    }}
}}
"""


def run_nginx(case):
    """A worker reads its files by the threads of a pool. The master makes no thread."""
    port = case.free_port()
    write_pages(case)
    log = case.path("nginx-error.log")
    conf = case.write("nginx.conf", f"error_log {log} warn;\n" + nginx_configuration(case, port))
    server = case.start(["nginx", "-e", log, "-c", conf])
    case.wait_port(server, port)
    load(case, server, port, NGINX_THREADS + 1, lambda: children_of(server.pid))
    case.ended(server.stop(signum=3))
    with open(log, encoding="utf-8") as file:
        bad = [text for text in file if re.search(r"\[(alert|crit|emerg)\]", text)]
    case.check(not bad, f"nginx logged: {' '.join(bad[:2]).strip()}")


def haproxy_configuration(port, origin_port):
    return f"""global
    nbthread {HAPROXY_THREADS}
    maxconn 1000
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 10s
frontend front
    bind 127.0.0.1:{port}
    default_backend back
backend back
    server origin 127.0.0.1:{origin_port}
"""


def run_haproxy(case):
    port = case.free_port()
    with Server(http) as origin:
        conf = case.write("haproxy.cfg", haproxy_configuration(port, origin.port))
        proxy = case.start(["haproxy", "-db", "-f", conf])
        case.wait_port(proxy, port)
        load(case, proxy, port, HAPROXY_THREADS)
    case.ended(proxy.stop())


def run_varnish(case):
    """A thread for each connection; the manager makes none and compiles the configuration in C."""
    port = case.free_port()
    with Server(http) as origin:
        argv = ["varnishd", "-F", "-a", f"127.0.0.1:{port}", "-b", f"127.0.0.1:{origin.port}", "-n", case.path("work")]
        cache = case.start(argv + OPTIONS_OF_VARNISH)
        case.wait_port(cache, port)
        load(case, cache, port, CLIENTS, lambda: children_of(cache.pid))
        case.ended(cache.stop())


PROGRAMS = [
    Program("nginx", run_nginx, (("nginx", "nginx-light"),)),
    Program("haproxy", run_haproxy, (("haproxy", "haproxy"),)),
    Program("varnish", run_varnish, (("varnishd", "varnish"),)),
]
