"""OpenLDAP's server with a pool of 16 threads: 100 connections write and read back their own entries."""

import os
import random
import subprocess

from harness.case import DEBIAN_PATH, Program
from harness.load import GATHER, Mismatch, expect
from harness.process import Failure

CLIENTS = 100
THREADS = 16
ROOT, PASSWORD = "cn=root,dc=test", "secret"

INTEGER, OCTETS, ENUMERATED, BOOLEAN, SEQUENCE, SET = 0x02, 0x04, 0x0A, 0x01, 0x30, 0x31
BIND, SEARCH, MODIFY, SIMPLE, EQUALS = 0x60, 0x63, 0x66, 0x80, 0xA3
BIND_DONE, ENTRY, SEARCH_DONE, MODIFY_DONE = 0x61, 0x64, 0x65, 0x67


def octets(part):
    if isinstance(part, int):
        return bytes([part])
    return part.encode() if isinstance(part, str) else part


def ber(tag, *parts):
    """One element of the Basic Encoding Rules; numbers are small ones."""
    body = b"".join(octets(part) for part in parts)
    size = len(body)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + body


def element(data, at):
    """The tag of the element at @at, where its body begins and where it ends; None while not all is there."""
    if len(data) < at + 2:
        return None
    tag, size, at = data[at], data[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, at = int.from_bytes(data[at : at + count], "big"), at + count
    return (tag, at, at + size) if len(data) >= at + size else None


def messages(data):
    """The operations in @data, (tag, body) each, and how many bytes they take."""
    found, at = [], 0
    while whole := element(data, at):
        _, begin, end = whole
        _, _, after_id = element(data, begin)
        tag, body, _ = element(data, after_id)
        found.append((tag, bytes(data[body:end])))
        at = end
    return found, at


def answer(buffer):
    """A reply is complete with the message that says done."""
    found, size = messages(buffer)
    return size if found and found[-1][0] in (BIND_DONE, SEARCH_DONE, MODIFY_DONE) else 0


def request(operation):
    return ber(SEQUENCE, ber(INTEGER, 7), operation)


def bind():
    return request(ber(BIND, ber(INTEGER, 3), ber(OCTETS, ROOT), ber(SIMPLE, PASSWORD)))


def search(name):
    equals = ber(EQUALS, ber(OCTETS, "cn"), ber(OCTETS, name))
    limits = ber(INTEGER, 0) + ber(INTEGER, 0) + ber(BOOLEAN, 0)
    scope = ber(ENUMERATED, 2) + ber(ENUMERATED, 0)
    return request(ber(SEARCH, ber(OCTETS, "dc=test"), scope, limits, equals, ber(SEQUENCE)))


def modify(name, text):
    change = ber(SEQUENCE, ber(OCTETS, "description"), ber(SET, ber(OCTETS, text)))
    changes = ber(SEQUENCE, ber(SEQUENCE, ber(ENUMERATED, 2), change))
    return request(ber(MODIFY, ber(OCTETS, f"cn={name},dc=test"), changes))


def succeeded(reply, what):
    found, _ = messages(reply)
    expect(found[-1][1][:3], ber(ENUMERATED, 0), what)
    return found[:-1]


def script(number, clock):
    chance = random.Random(number)
    own = f"user{number}"
    succeeded((yield bind(), answer), "bind")
    yield GATHER
    while not clock.over():
        text = chance.randbytes(chance.choice((5, 50, 500))).hex()
        succeeded((yield modify(own, text), answer), f"modify {own}")
        for name in (own, f"user{chance.randrange(CLIENTS)}"):
            entries = succeeded((yield search(name), answer), f"search {name}")
            expect([tag for tag, _ in entries], [ENTRY], f"search {name}")
            if f"cn={name},dc=test".encode() not in entries[0][1]:
                raise Mismatch(f"search {name}: got {entries[0][1][:60]!r}")
            if name == own and text.encode() not in entries[0][1]:
                raise Mismatch(f"{own} does not have what was written")


def configuration(case):
    os.mkdir(case.path("data"))
    return f"""include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
modulepath /usr/lib/ldap
moduleload back_mdb
threads {THREADS}
pidfile {case.path("slapd.pid")}
argsfile {case.path("slapd.args")}
database mdb
suffix dc=test
rootdn {ROOT}
rootpw {PASSWORD}
directory {case.path("data")}
maxsize 268435456
dbnosync
index cn eq
"""


def fill(conf):
    """Puts the entries into the database before the server starts."""
    entries = ["dn: dc=test\nobjectClass: dcObject\nobjectClass: organization\no: test\ndc: test\n"]
    for number in range(CLIENTS):
        entries.append(f"dn: cn=user{number},dc=test\nobjectClass: person\ncn: user{number}\nsn: {number}\n")
    argv, env, text = ["slapadd", "-q", "-f", conf], {"PATH": DEBIAN_PATH}, "\n".join(entries)
    done = subprocess.run(argv, env=env, input=text, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise Failure(f"slapadd failed: {done.stderr[-300:]}")


def run(case):
    port = case.free_port()
    conf = case.write("slapd.conf", configuration(case))
    fill(conf)
    server = case.start(["slapd", "-d", "0", "-h", f"ldap://127.0.0.1:{port}", "-f", conf])
    case.wait_port(server, port)
    result = case.drive(server, THREADS, ("127.0.0.1", port), script, CLIENTS, case.pick(4, 1.5), processes=1)
    case.figure(result.per_second, "operations/s", p99_ms=result.p99_ms)
    case.ended(server.stop())


PROGRAMS = [Program("slapd", run, (("slapd", "slapd"), ("slapadd", "slapd")))]
