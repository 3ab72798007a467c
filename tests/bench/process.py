"""Runs one benchmark program and reads the `metric value unit` lines that it prints.

A program never outlives its time limit: it arms its own alarm, and run() ends it by its process id
a little later. While it runs, the number of its kernel threads is sampled from outside, which
shows whether the shim was really at work.
"""

import os
import signal
import subprocess
import time

KILL_GRACE_S = 5


class ProgramError(Exception):
    """A benchmark program failed; the message names it and says how."""


class Outcome:
    """What one run gave: {metric: (value, unit)}, stderr and the most kernel threads."""

    def __init__(self):
        self.metrics = {}
        self.messages = ""
        self.kernel_threads = 0


def parse_metrics(text):
    metrics = {}
    for line in text.splitlines():
        name, value, unit = line.split()
        metrics[name] = (float(value), unit)
    return metrics


def kernel_threads(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("Threads:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


class Program:
    """A started program, pinned to `cpus`, with `preload` in its environment or none."""

    def __init__(self, command, cpus, preload=None):
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        if preload:
            environment["LD_PRELOAD"] = preload
        self.name = " ".join(os.path.basename(word) for word in command)
        self.most_threads = 0
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def sample(self):
        self.most_threads = max(self.most_threads, kernel_threads(self.process.pid))

    def read_line(self):
        return self.process.stdout.readline()

    def stop(self):
        """Ends the program, unless it ended before; returns what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(KILL_GRACE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.communicate()[1]


# The library answers from the first thread on, which the first client brings about.
WHEN_IT_ANSWERS = """tool=$1 command=$2 pid=$3
shift 3
until "$tool" list -p "$pid" >/dev/null 2>&1; do sleep 0.02; done
exec "$tool" "$command" -p "$pid" "$@" >/dev/null"""


def observe(coroctl, arguments, pid, cpus):
    """Starts coroctl on the process `pid` as soon as that answers."""
    return subprocess.Popen(
        ["sh", "-c", WHEN_IT_ANSWERS, "sh", coroctl, arguments[0], str(pid), *arguments[1:]],
        stdin=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cpus))


def end_observer(tool):
    """False: it had ended by itself. None is none, and did not."""
    if tool is None:
        return True
    lasted = tool.poll() is None
    tool.kill()
    tool.wait()
    return lasted


def run(command, cpus, preload=None, limit_s=60, beside=None):
    """Runs `command` to its end and returns its Outcome; samples `beside` instead when given."""
    program = Program(command, cpus, preload)
    sampled = beside or program
    deadline = time.monotonic() + limit_s + KILL_GRACE_S
    pause_s = 0.02
    while program.process.poll() is None:
        if time.monotonic() > deadline:
            program.process.kill()
            program.process.communicate()
            raise ProgramError(f"{program.name}: still running after {limit_s} s, killed")
        sampled.sample()
        try:
            program.process.wait(pause_s)
        except subprocess.TimeoutExpired:
            pause_s = 0.1
    output, messages = program.process.communicate()
    if program.process.returncode:
        raise ProgramError(f"{program.name}: {describe(program.process.returncode)}"
                           f"{': ' if messages else ''}{messages.strip()}")
    outcome = Outcome()
    outcome.metrics = parse_metrics(output)
    outcome.messages = messages
    outcome.kernel_threads = program.most_threads
    return outcome


def describe(status):
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"exit status {status}"
