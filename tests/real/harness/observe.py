"""Looks at live processes from outside: their kernel threads, and what coroctl says of them.

The shim's monitor and helper threads are named coro-..., those that the kernel itself makes for
io_uring iou-...; every other kernel thread is an application thread. Under the shim a process has
exactly one of those, whatever it runs.
"""

import json
import os
import subprocess
import time

from .process import Failure

HELPER = "coro-"
URING = "iou-"  # iou-wrk-PID and iou-sqp-PID, natively as well
FIRST_SAMPLES = 50  # close together, for programs that live for a moment only
FIRST_SAMPLE_S = 0.01
SAMPLE_S = 0.05


def kernel_threads(pid):
    """The names of the kernel threads of @pid; empty when it is gone."""
    names = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8", errors="replace") as file:
                    name = file.read().rstrip("\n")
                if not name.startswith(URING):
                    names.append(name)
            except OSError:
                pass
    except OSError:
        pass
    return names


def application_threads(pid):
    return [name for name in kernel_threads(pid) if not name.startswith(HELPER)]


def list_threads(coroctl, pid):
    """The threads that `coroctl list --json` reports for @pid, its document checked."""
    try:
        done = subprocess.run(
            [coroctl, "list", "--json", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"coroctl list -p {pid} did not answer within 10 s") from None
    if done.returncode != 0:
        raise Failure(f"coroctl list -p {pid} failed with {done.returncode}: {done.stderr.strip()}")
    try:
        document = json.loads(done.stdout)
        threads = document["threads"]
        head = (document["schema"], document["pid"])
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"coroctl list -p {pid} printed no thread document: {error!r}") from None
    if head != (1, pid):
        raise Failure(f"coroctl list -p {pid} answered with format and pid {head}")
    if len({thread["id"] for thread in threads}) != len(threads):
        raise Failure(f"coroctl list -p {pid} lists an id twice")
    return threads


class Watch:
    """Samples processes while they are under load.

    @pids is called for each sample. `kernel` becomes the most application kernel threads seen at once
    in one process, `total` the same summed over the processes, `listed` the most threads that coroctl
    reported, `helpers` the most helper threads of the shim. A count above @limit in two samples
    running is a violation: a helper needs a moment to take its name.
    """

    def __init__(self, pids, coroctl, limit):
        self.pids = pids
        self.coroctl = coroctl
        self.limit = limit
        self.kernel = 0
        self.total = 0
        self.listed = 0
        self.helpers = 0
        self.samples = 0
        self.violation = None
        self.control_error = None
        self.suspects = {}

    def sample(self, floor):
        counts = {}
        for pid in self.pids():
            everyone = kernel_threads(pid)
            names = [name for name in everyone if not name.startswith(HELPER)]
            if names:
                counts[pid] = len(names)
                self.helpers = max(self.helpers, len(everyone) - len(names))
                self.judge(pid, names)
        if not counts:
            return
        self.samples += 1
        self.kernel = max(self.kernel, *counts.values())
        self.total = max(self.total, sum(counts.values()))
        if self.coroctl and self.listed < floor:  # threads may live for a moment only
            self.ask(counts)

    def judge(self, pid, names):
        if self.limit is None or len(names) <= self.limit:
            self.suspects.pop(pid, None)
        elif pid in self.suspects:
            self.violation = f"process {pid} has {len(names)} application kernel threads: {', '.join(names[:8])}"
        else:
            self.suspects[pid] = True

    def ask(self, counts):
        """One question to coroctl per process; a process that ends meanwhile is no error."""
        listed = 0
        for pid in counts:
            try:
                listed += len(list_threads(self.coroctl, pid))
                self.control_error = None
            except Failure as failure:
                if application_threads(pid):
                    self.control_error = str(failure)
        self.listed = max(self.listed, listed)

    def during(self, over, floor):
        """Samples until @over() is true."""
        rounds = 0
        while not over():
            self.sample(floor)
            rounds += 1
            time.sleep(FIRST_SAMPLE_S if rounds < FIRST_SAMPLES else SAMPLE_S)


def diagnosis(coroctl, pid):
    """What can be said of a process that hangs: its threads as coroctl and the kernel see them."""
    lines = []
    for task in sorted(os.listdir(f"/proc/{pid}/task"))[:6]:
        fields = []
        for name in ("comm", "wchan", "syscall"):
            try:
                with open(f"/proc/{pid}/task/{task}/{name}", encoding="utf-8", errors="replace") as file:
                    fields.append(file.read().strip())
            except OSError:
                fields.append("?")
        lines.append(f"kernel thread {task}: " + " ".join(fields)[:110])
    if coroctl:
        try:
            done = subprocess.run(
                [coroctl, "list", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
            )
            lines += (done.stdout or done.stderr).splitlines()[:12]
        except subprocess.TimeoutExpired:
            lines.append("coroctl list did not answer within 5 s")
    return lines
