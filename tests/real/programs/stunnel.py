"""stunnel, a thread for each connection with a small stack: 400 TLS connections to an echo server."""

import random
import ssl
import subprocess

from harness.case import DEBIAN_PATH, Program
from harness.load import GATHER, exactly, expect
from harness.servers import Server, echo

CONNECTIONS = 400


def configuration(port, echo_port, certificate, key):
    return f"""foreground = yes
pid =
debug = warning
[echo]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{echo_port}
cert = {certificate}
key = {key}
"""


def make_certificate(case):
    certificate, key = case.path("cert.pem"), case.path("key.pem")
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    argv += " -addext subjectAltName=DNS:localhost"
    env = {"PATH": DEBIAN_PATH}
    subprocess.run(argv.split() + ["-keyout", key, "-out", certificate], env=env, check=True, capture_output=True)
    return certificate, key


def script(number, clock):
    chance = random.Random(number)
    yield b"hello", exactly(5)
    yield GATHER
    while not clock.over():
        data = chance.randbytes(chance.choice((50, 500, 5000, 60000)))
        expect((yield data, exactly(len(data))), data, f"connection {number}")


def run(case):
    port = case.free_port()
    certificate, key = make_certificate(case)
    trusting = ssl.create_default_context(cafile=certificate)
    with Server(echo) as far:
        conf = case.write("stunnel.conf", configuration(port, far.port, certificate, key))
        proxy = case.start(["stunnel4", conf])
        case.wait_port(proxy, port)
        seconds = case.pick(4, 2)
        result = case.drive(
            proxy, CONNECTIONS, ("127.0.0.1", port), script, CONNECTIONS, seconds, processes=1, tls=trusting
        )
    case.figure(result.per_second, "echoes/s", p99_ms=result.p99_ms)
    case.ended(proxy.stop())


PROGRAMS = [Program("stunnel", run, (("stunnel4", "stunnel4"), ("openssl", "openssl")))]
