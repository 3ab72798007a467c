"""Language runtimes: a server in each language under the same load, and programs that check their own work."""

import os
import subprocess

from harness import digest
from harness.case import DEBIAN_PATH, Program
from harness.process import Failure, status_text

PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payload")
JAVA = ["java", "-Xmx256m"]
POOL_STATUS = 7


def payload(name):
    return os.path.join(PAYLOAD, name)


def compile_java(folder):
    argv = ["javac", "-d", folder, payload("DigestServer.java"), payload("Pool.java")]
    done = subprocess.run(argv, env={"PATH": DEBIAN_PATH}, capture_output=True, text=True, timeout=50, check=False)
    if done.returncode != 0:
        raise Failure(f"javac failed: {done.stderr[-300:]}")


def server(command, clients, floor):
    """A test of a server that `command(case, port)` starts; @clients keep their connections."""

    def run(case):
        port = case.free_port()
        process = case.start(command(case, port))
        case.wait_port(process, port)
        seconds = case.pick(4, 1.5)
        result = case.drive(process, floor, ("127.0.0.1", port), digest.script, clients, seconds, processes=1)
        case.figure(result.per_second, "requests/s", p99_ms=result.p99_ms)
        case.ended(process.stop())

    return run


def run_javac(case):
    """The compiler itself is threaded: it runs in the tested mode, and its output must run natively."""
    sources = [payload("DigestServer.java"), payload("Pool.java")]
    _, took = case.time_program(["javac", "-d", case.path("classes"), *sources], 8, 50)
    plain = case.start([*JAVA, "-cp", case.path("classes"), "Pool", "100"], "verify", tested=False)
    status = plain.wait(30)
    case.check(status == POOL_STATUS, f"the compiled program ended with {status_text(status)}: {plain.tail()}")
    case.figure(took, "s", higher_is_better=False)


def self_checking(command, floor, wanted):
    """A test of a program that checks its own work, prints a line `ok ...` and ends with status @wanted."""

    def run(case):
        process, took = case.time_program(command(case), floor, 50, wanted=wanted)
        case.check(process.out().startswith("ok "), f"{process.name} printed {process.out()[:80]!r}")
        case.figure(took, "s", higher_is_better=False)

    return run


def java_server(case, port):
    return [*JAVA, "-cp", case.shared("classes", compile_java), "DigestServer", str(port)]


def java_pool(case):
    return [*JAVA, "-cp", case.shared("classes", compile_java), "Pool", case.pick("20000", "6000")]


def puma(_case, port):
    return ["puma", "--quiet", "--threads", "16:16", "--bind", f"tcp://127.0.0.1:{port}", payload("digest.ru")]


def ruby(case):
    return ["ruby", "-W0", payload("threads.rb"), case.pick("60", "20")]


def node(_case, port):
    return ["node", payload("digest_server.js"), str(port)]


def perl(_case, port):
    return ["perl", payload("digest_server.pl"), str(port)]


def sbcl(case):
    return ["sbcl", "--script", payload("threads.lisp"), case.pick("8000", "3000")]


def tcl(case):
    return ["tclsh", payload("threads.tcl"), case.pick("600", "200")]


def guile(case):
    return ["guile", "--no-auto-compile", "-s", payload("threads.scm"), case.pick("3000", "1000")]


def swipl(case):
    return ["swipl", payload("threads.pl"), case.pick("3000", "1000")]


JAVA_NEEDS = (("java", "openjdk-17-jdk-headless"), ("javac", "openjdk-17-jdk-headless"))
PROGRAMS = [
    Program("java-server", server(java_server, 200, 200), JAVA_NEEDS),
    Program("java-pool", self_checking(java_pool, 64, POOL_STATUS), JAVA_NEEDS),
    Program("javac", run_javac, JAVA_NEEDS),
    Program("ruby", self_checking(ruby, 100, 0), (("ruby", "ruby"),)),
    Program("puma", server(puma, 100, 16), (("puma", "puma"),)),
    Program("node", server(node, 100, 9), (("node", "nodejs"),)),
    Program("sbcl", self_checking(sbcl, 24, 3), (("sbcl", "sbcl"),)),
    Program("tcl", self_checking(tcl, 20, 4), (("tclsh", "tcl"),)),
    Program("guile", self_checking(guile, 24, 5), (("guile", "guile-3.0"),)),
    Program("swipl", self_checking(swipl, 16, 6), (("swipl", "swi-prolog-nox"),)),
    Program("perl", server(perl, 16, 17), (("perl", "perl"),)),
]
