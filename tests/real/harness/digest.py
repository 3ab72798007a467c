"""The HTTP service that payloads in several languages offer, and its clients.

GET /hello answers `hello`; POST /digest answers the SHA-256 of the body in hexadecimal, a space, and the
body's size. Connections are kept.
"""

import hashlib
import random

from .load import GATHER, expect, http_reply


def body_of(reply):
    return reply.partition(b"\r\n\r\n")[2]


def script(number, clock):
    """Posts noise and gets back its digest and its size over one connection."""
    chance = random.Random(number)
    reply = yield b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", http_reply
    expect(body_of(reply), b"hello", f"client {number}")
    yield GATHER
    while not clock.over():
        body = chance.randbytes(chance.choice((20, 2000, 40000)))
        reply = yield b"POST /digest HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), http_reply
        wanted = f"{hashlib.sha256(body).hexdigest()} {len(body)}".encode()
        expect(body_of(reply), wanted, f"client {number}")
