"""Threads of Python, each in a wait of its own."""
import queue
import select
import socket
import sys
import threading
import time

sys.setswitchinterval(1000)
one, other = socket.socketpair()
lock = threading.Lock()
lock.acquire()
for wait in (
    lock.acquire,
    threading.Event().wait,
    threading.Condition(threading.RLock()).acquire,
    queue.Queue().get,
    lambda: queue.Queue().get(timeout=10000),
    lambda: time.sleep(10000),
    lambda: one.recv(1),
    lambda: select.select([one], [], []),
    lambda: sorted([2, 1], key=lambda n: time.sleep(10000)),
    threading.Barrier(2).wait,
):
    threading.Thread(target=wait, daemon=True).start()
sys.stdin.read()
