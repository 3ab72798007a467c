"""One program in one mode: what a program's test may ask for, and how its outcome is judged.

A program's `run(case)` starts processes, drives them, checks results and sets the figure. Everything
it starts is ended when it returns or fails, and its folder is removed unless kept. Under the shim
LD_PRELOAD is set for the program under test only, never for its clients.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import tempfile
import time
from dataclasses import dataclass, field
from typing import Callable

from . import observe
from .load import Load
from .process import Failure, Process, children_of, end_strays, status_text

DEBIAN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PORTS = range(20000, 32000)  # below the ephemeral ports, which the clients take


class Skip(Exception):
    """The program can't be tested here; the text says why."""


class TimedOut(Exception):
    """The whole test took longer than --timeout."""


@dataclass
class Program:
    """A row of the list of programs; @needs names (binary, Debian package) pairs."""

    name: str
    run: Callable
    needs: tuple


@dataclass
class Outcome:
    """What became of one program in one mode."""

    state: str = "passed"
    failures: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    value: float = 0.0
    unit: str = ""
    higher_is_better: bool = True
    p99_ms: float = 0.0
    kernel_threads: int = 0
    listed_threads: int = 0
    status: str = ""
    took_s: float = 0.0


class Case:
    """The tools of one test."""

    def __init__(self, mode, options, stack, folder):
        self.mode = mode
        self.quick = options.quick
        self.shim = options.shim
        self.coroctl = options.coroctl if mode == "shim" else None
        self.shared_folder = options.shared_folder
        self.stack = stack
        self.folder = folder
        self.processes = []
        self.outcome = Outcome()

    def pick(self, full, quick):
        return quick if self.quick else full

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def check(self, truth, text):
        if not truth:
            raise Failure(text)

    def free_port(self):
        return free_port()

    def shared(self, name, build):
        """A folder built once for both modes by @build(folder); returns a copy for this test."""
        master = os.path.join(self.shared_folder, name)
        if not os.path.isdir(master):
            os.mkdir(master)
            try:
                build(master)
            except BaseException:
                shutil.rmtree(master)
                raise
        return shutil.copytree(master, self.path(name))

    def environment(self, preload):
        env = {name: value for name, value in os.environ.items() if name.startswith(("CORO", "XDG_RUNTIME"))}
        env.update(PATH=DEBIAN_PATH, HOME=self.folder, TMPDIR=self.folder, LANG="C.UTF-8", TZ="UTC")
        if preload:
            env["LD_PRELOAD"] = self.shim
            # The warning measures wall-clock time, which a busy machine spends elsewhere: 5 s, not 0.2 s.
            env.setdefault("CORO_LATENCY_WARNING", "25")
        return env

    def start(self, argv, name=None, tested=True):
        """Starts a program; one that is @tested runs under the shim when this test does."""
        path = shutil.which(argv[0], path=DEBIAN_PATH) or argv[0]
        env = self.environment(tested and self.mode == "shim")
        process = Process([path, *argv[1:]], env, self.folder, name or os.path.basename(argv[0]))
        self.stack.callback(process.kill)
        self.processes.append(process)
        return process

    def wait_port(self, process, port, seconds=20, host="127.0.0.1"):
        """Waits until @process accepts connections on @port."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            process.check_alive()
            try:
                socket.create_connection((host, port), timeout=5).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failure(f"{process.name} accepts no connection on port {port} after {seconds} s")

    def wait_until(self, truth, seconds, text):
        deadline = time.monotonic() + seconds
        while not truth():
            self.check(time.monotonic() < deadline, f"{text} after {seconds} s")
            time.sleep(0.05)

    def figure(self, value, unit, higher_is_better=True, p99_ms=0.0):
        self.outcome.value = value
        self.outcome.unit = unit
        self.outcome.higher_is_better = higher_is_better
        self.outcome.p99_ms = p99_ms

    def ended(self, status):
        """Notes the exit status of the program under test; both modes must agree on it."""
        self.outcome.status = status_text(status)

    def watch(self, pids, floor, over):
        """Watches processes until @over(): natively at least @floor kernel threads, under the shim one
        in each process and at least @floor threads listed by coroctl."""
        watch = observe.Watch(pids, self.coroctl, 1 if self.mode == "shim" else None)
        try:
            watch.during(over, floor)
        finally:
            self.record(watch, floor)

    def record(self, watch, floor):
        self.outcome.kernel_threads = max(self.outcome.kernel_threads, watch.total)
        self.outcome.listed_threads = max(self.outcome.listed_threads, watch.listed)
        found = self.outcome.failures
        found += [text for text in self.faults(watch, floor) if text not in found]

    def faults(self, watch, floor):
        if not watch.samples:
            yield "no kernel thread could be observed under load"
        elif self.mode == "native" and watch.total < floor:
            yield f"only {watch.total} kernel threads under load, expected at least {floor}"
        elif self.mode == "shim" and not watch.helpers:
            yield "the shim was never active: no kernel thread of its own was seen under load"
        if watch.violation:
            yield watch.violation
        if self.coroctl and watch.listed < floor:
            yield watch.control_error or f"coroctl lists {watch.listed} threads, expected at least {floor}"

    def drive(self, process, floor, address, script, clients, seconds, pids=None, **options):
        """Puts a load on @process while watching it; returns the load's result, all replies right."""
        with Load(address, script, clients, seconds, **options) as load:
            self.watch(pids or (lambda: [process.pid]), floor, load.over)
            result = load.result()
        process.check_alive()
        if result.wrong:
            raise Failure(f"{result.wrong} of {clients} clients failed: {'; '.join(result.errors[:3])}")
        self.check(result.operations > 0, "no operation completed in the measured time")
        return result

    def time_program(self, argv, floor, seconds, name=None, wanted=0):
        """Runs a tested program to its end, with status @wanted, while watching it; returns it and the
        seconds it took."""
        process = self.start(argv, name)
        deadline = time.monotonic() + seconds
        self.watch(lambda: [process.pid], floor, lambda: process.poll() is not None or time.monotonic() > deadline)
        status = process.wait(0.1)
        took = time.monotonic() - process.started
        self.ended(status)
        self.check(status == wanted, f"{process.name} ended with {status_text(status)}: {process.tail()}")
        return process, took

    def judge_messages(self):
        """Whatever the shim says on stderr is a failure: these programs need no stepping aside."""
        for process in self.processes:
            said = [text for text in process.err().splitlines() if text.startswith("coroshim[")]
            self.outcome.failures += [f"{process.name}: {text}" for text in said[:3]]

    def describe_hang(self):
        for process in self.processes:
            if process.poll() is None:
                for pid in [process.pid, *children_of(process.pid)][:3]:
                    self.outcome.notes.append(f"{process.name} (process {pid}) was still running:")
                    self.outcome.notes += ["  " + text for text in observe.diagnosis(self.coroctl, pid)]


def free_port(host="127.0.0.1"):
    """A port that nobody listens on now."""
    for port in random.sample(PORTS, 200):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise Skip("no free loopback port")


def raise_timed_out(_signum, _frame):
    raise TimedOut()


def run_case(program, mode, options):
    """Runs one program in one mode; never raises for what the program does."""
    for binary, package in program.needs:
        if not shutil.which(binary, path=DEBIAN_PATH):
            return Outcome(state="skipped", notes=[f"{binary} is missing: install {package}"])
    if mode == "shim" and not os.path.exists(options.shim):
        return Outcome(state="skipped", notes=[f"{options.shim} is not built"])
    folder = tempfile.mkdtemp(prefix=f"coroshim-{program.name}-{mode}-", dir=options.shared_folder)
    os.chmod(folder, 0o755)
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        case = Case(mode, options, stack, folder)
        outcome = case.outcome
        signal.signal(signal.SIGALRM, raise_timed_out)
        signal.alarm(options.timeout)
        try:
            program.run(case)
        except Skip as skip:
            outcome.state = "skipped"
            outcome.notes.append(str(skip))
        except TimedOut:
            outcome.failures.append(f"not finished after {options.timeout} s")
        except (Failure, OSError) as failure:
            outcome.failures.append(str(failure) or type(failure).__name__)
        finally:
            signal.alarm(0)
        if outcome.failures:
            case.describe_hang()
        case.judge_messages()
    strays = end_strays(options.kept_children)
    if strays and not outcome.failures:
        outcome.failures.append(f"left {strays} processes behind")
    if outcome.failures:
        outcome.state = "failed"
    if options.keep:
        outcome.notes.append(f"kept {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.took_s = time.monotonic() - started
    return outcome
