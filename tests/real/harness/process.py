"""Programs under test: started in a session of their own, with their output in files, and ended by pid.

Invariants: only processes that this driver started are ever signalled. The driver is a child
subreaper, so what a program leaves behind becomes the driver's child and is found again.
"""

import ctypes
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36


class Failure(Exception):
    """Something the program under test did wrong; the text is what the user reads."""


def adopt_orphans():
    """Makes every orphaned descendant a child of this process."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children_of(pid):
    """The pids of the live children of @pid; empty when it is gone."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child] + descendants_of(child)
    return found


def end_strays(kept):
    """Kills and reaps the children of the driver whose pids are not in @kept; returns how many there were."""
    strays = 0
    for child in children_of(os.getpid()):
        if child in kept:
            continue
        for pid in [child] + descendants_of(child):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(child, 0)
        except ChildProcessError:
            pass
        strays += 1
    return strays


def status_text(status):
    if status is None:
        return "still running"
    if status < 0:
        return signal.Signals(-status).name
    return f"exit {status}"


class Process:
    """One program under test."""

    def __init__(self, argv, env, folder, name):
        self.name = name
        self.out_path = os.path.join(folder, f"{name}.out")
        self.err_path = os.path.join(folder, f"{name}.err")
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = subprocess.Popen(
                argv, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        self.pid = self.popen.pid
        self.started = time.monotonic()

    def out(self):
        with open(self.out_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def poll(self):
        return self.popen.poll()

    def check_alive(self):
        status = self.poll()
        if status is not None:
            raise Failure(f"{self.name} ended early with {status_text(status)}: {self.tail()}")

    def tail(self):
        lines = (self.err().strip() or self.out().strip()).splitlines()
        return " | ".join(line.strip() for line in lines[-4:]) or "(no output)"

    def wait(self, seconds):
        """Waits for the program to end by itself; returns its exit status as subprocess does."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds:.0f} s") from None

    def stop(self, seconds=15, signum=signal.SIGTERM):
        """Asks the program to end, as its service manager would; returns its exit status."""
        self.check_alive()
        os.kill(self.pid, signum)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            name = signal.Signals(signum).name
            raise Failure(f"{self.name} did not end within {seconds:.0f} s of {name}") from None

    def kill(self):
        """Ends the program and its descendants at once, whatever their state."""
        for pid in descendants_of(self.pid) + ([self.pid] if self.poll() is None else []):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.popen.wait()
