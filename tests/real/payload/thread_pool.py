"""Mixed tasks in a ThreadPoolExecutor of 200: sleeps, sockets, locks, queues and thread-local data."""

import hashlib
import queue
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

WORKERS = 200
TASKS = int(sys.argv[1])

local = threading.local()
lock = threading.Lock()
counts = {}
channel = queue.Queue(8)


def sleep(index):
    pause = (index % 7) / 1000
    before = time.monotonic()
    time.sleep(pause)
    assert time.monotonic() - before >= pause, "woke early"
    return index


def talk(index):
    """A whole conversation over a socket pair, more than its buffers hold."""
    left, right = socket.socketpair()
    message = hashlib.sha256(str(index).encode()).digest() * 64
    with left, right:
        left.sendall(message)
        got = b""
        while len(got) < len(message):
            got += right.recv(500)
        assert got == message, "socket pair garbled a message"
    return index


def count(index):
    with lock:
        counts[index % 10] = counts.get(index % 10, 0) + 1
    return index


def keep(index):
    """Thread-local data must survive a switch to other threads."""
    local.value = index
    time.sleep(0)
    assert local.value == index, "thread-local value changed"
    return index


def hand_over(index):
    channel.put(index)
    channel.get()
    return index


def compute(index):
    return index if sum(range(2000)) == 1999000 else -1


def main():
    kinds = (sleep, talk, count, keep, hand_over, compute)
    gate = threading.Barrier(WORKERS)
    with ThreadPoolExecutor(WORKERS) as pool:
        assert len(list(pool.map(lambda _: gate.wait(30), range(WORKERS)))) == WORKERS
        futures = [pool.submit(kinds[index % len(kinds)], index) for index in range(TASKS)]
        assert sum(future.result() for future in as_completed(futures)) == TASKS * (TASKS - 1) // 2
    assert sum(counts.values()) == len(range(2, TASKS, len(kinds))), "a count was lost"
    assert channel.empty()
    print(f"ok {TASKS} tasks")


main()
