"""sysbench's scheduler and mutex tests with 128 threads: the program itself runs under the shim."""

import re

from harness.case import Program
from harness.process import Failure

THREADS = 128


def number(text, pattern):
    found = re.search(pattern, text)
    if not found:
        raise Failure(f"sysbench printed nothing like {pattern!r}")
    return float(found.group(1))


def run_threads(case):
    """Threads that yield and contend for 8 mutexes, for a fixed time."""
    seconds = case.pick(4, 2)
    argv = ["sysbench", "threads", f"--threads={THREADS}", "--thread-yields=100", "--thread-locks=8"]
    program, _ = case.time_program(argv + [f"--time={seconds}", "run"], THREADS, 40)
    text = program.out()
    events = number(text, r"total number of events:\s+(\d+)")
    mean, deviation = number(text, r"events \(avg/stddev\):\s+([\d.]+)"), THREADS
    case.check(abs(mean * deviation - events) <= THREADS, f"{events} events, but {mean} a thread")
    case.figure(events / number(text, r"total time:\s+([\d.]+)s"), "events/s")


def run_mutex(case):
    """Threads that take 64 mutexes a fixed number of times in all."""
    locks = case.pick(40000, 20000)
    argv = ["sysbench", "mutex", f"--threads={THREADS}", "--mutex-num=64", f"--mutex-locks={locks}", "--mutex-loops=300"]
    program, _ = case.time_program(argv + ["run"], THREADS // 2, 40)
    text = program.out()
    events = number(text, r"total number of events:\s+(\d+)")
    case.check(events == THREADS, f"{events} of {THREADS} threads did their work")
    case.figure(number(text, r"total time:\s+([\d.]+)s"), "s", higher_is_better=False)


NEEDS = (("sysbench", "sysbench"),)
PROGRAMS = [Program("sysbench-threads", run_threads, NEEDS), Program("sysbench-mutex", run_mutex, NEEDS)]
