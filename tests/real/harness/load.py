"""The load: many verifying clients in a few processes, each client a generator over one connection.

A client script yields what it wants and is resumed with what came:

    reply = yield request, complete    sends bytes; `complete(buffer)` gives the reply's length, 0 while unfinished
    yield GATHER                       waits until every client of every process is here; measuring starts then
    yield RECONNECT                    closes the connection and opens a new one

A script loops `while not clock.over()` and raises Mismatch when a reply is wrong. Round trips after
GATHER are counted. Every client must finish within `patience_s` of the end of the measured time.
"""

import array
import multiprocessing
import select
import socket
import time
from types import SimpleNamespace

GATHER = object()
RECONNECT = object()
CHUNK = 262144


class Mismatch(Exception):
    """A reply that is not what the client expects."""


def expect(found, wanted, what):
    if found != wanted:
        raise Mismatch(f"{what}: got {bytes(found[:60])!r}, wanted {bytes(wanted[:60])!r}")


def line(buffer):
    return buffer.find(b"\r\n") + 2 if b"\r\n" in buffer else 0


def until(end):
    return lambda buffer: buffer.find(end) + len(end) if end in buffer else 0


def exactly(length):
    return lambda buffer: length if len(buffer) >= length else 0


def http_reply(buffer):
    """A reply with Content-Length, as the servers here send."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return 0
    fields = bytes(buffer[:head]).lower()
    at = fields.find(b"content-length:")
    if at < 0:
        raise Mismatch(f"no Content-Length in {fields[:80]!r}")
    length = head + 4 + int(fields[at + 15 :].split(b"\r\n", 1)[0])
    return length if len(buffer) >= length else 0


class Clock:
    """The measured time of one load process; it starts at GATHER."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.start = None

    def begin(self):
        self.start = time.monotonic()

    def over(self):
        return self.start is not None and time.monotonic() >= self.start + self.seconds


class Client:
    """One connection and the script that drives it."""

    def __init__(self, number, address, script, tls):
        self.number = number
        self.address = address
        self.script = script
        self.tls = tls
        self.incoming = bytearray()
        self.outgoing = memoryview(b"")
        self.complete = None
        self.asked = 0.0
        self.writing = False
        self.connect()

    def connect(self):
        self.socket = socket.create_connection(self.address, timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            self.socket = self.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)

    def flush(self):
        """Sends what the socket takes; true when all is sent."""
        try:
            while self.outgoing:
                self.outgoing = self.outgoing[self.socket.send(self.outgoing) :]
        except OSError as error:
            if not would_block(error):
                raise
        return not self.outgoing

    def receive(self):
        """Takes what has come; returns a finished reply or None."""
        while True:
            try:
                data = self.socket.recv(CHUNK)
            except OSError as error:
                if not would_block(error):
                    raise
                return None
            if not data:
                raise ConnectionError(f"connection closed after {len(self.incoming)} bytes of a reply")
            self.incoming += data
            length = self.complete(self.incoming)
            if length:
                reply = bytes(self.incoming[:length])
                del self.incoming[:length]
                if self.incoming:
                    raise Mismatch(f"{len(self.incoming)} bytes after the reply: {bytes(self.incoming[:40])!r}")
                return reply
            if not self.tls:
                return None


def would_block(error):
    return isinstance(error, BlockingIOError) or "SSLWant" in type(error).__name__


class Worker:
    """One load process."""

    def __init__(self, plan, numbers, barrier):
        self.plan = plan
        self.barrier = barrier
        self.clock = Clock(plan.seconds)
        self.poller = select.epoll()
        self.live = {}
        self.numbers = numbers
        self.gathered = []
        self.waits = array.array("d")
        self.errors = []

    def fail(self, client, error):
        self.errors.append(f"client {client.number}: {error or type(error).__name__}")
        self.close(client)

    def close(self, client):
        self.live.pop(client.socket.fileno(), None)
        client.socket.close()

    def advance(self, client, reply=None):
        """Runs the script to its next request."""
        try:
            order = client.script.send(reply)
            while order is RECONNECT:
                self.close(client)
                client.connect()
                self.enrol(client)
                order = client.script.send(None)
            if order is GATHER:
                self.gathered.append(client)
                return
            client.outgoing, client.complete = memoryview(order[0]), order[1]
            client.asked = time.monotonic()
            self.push(client)
        except StopIteration:
            self.close(client)
        except (Mismatch, OSError) as error:
            self.fail(client, error)

    def push(self, client):
        sent = client.flush()
        if sent == client.writing:
            client.writing = not sent
            self.poller.modify(client.socket.fileno(), select.EPOLLIN | (0 if sent else select.EPOLLOUT))

    def enrol(self, client):
        self.live[client.socket.fileno()] = client
        client.writing = False
        self.poller.register(client.socket.fileno(), select.EPOLLIN)

    def handle(self, client, events):
        try:
            if events & select.EPOLLOUT:
                self.push(client)
            if client.complete is None:
                raise ConnectionError("connection closed while no reply was due")
            reply = client.receive()
        except (Mismatch, OSError) as error:
            self.fail(client, error)
            return
        if reply is not None:
            client.complete = None
            if self.clock.start is not None:
                self.waits.append(time.monotonic() - client.asked)
            self.advance(client, reply)

    def run(self):
        for number in self.numbers:
            client = Client(number, self.plan.address, self.plan.script(number, self.clock), self.plan.tls)
            self.enrol(client)
            self.advance(client)
        deadline = time.monotonic() + self.plan.patience_s
        while self.live:
            if self.gathered and len(self.gathered) == len(self.live):
                self.barrier.wait(self.plan.patience_s)
                self.clock.begin()
                deadline = time.monotonic() + self.plan.seconds + self.plan.patience_s
                starters, self.gathered = self.gathered, []
                for client in starters:
                    self.advance(client)
            for fd, events in self.poller.poll(0.5):
                if fd in self.live:
                    self.handle(self.live[fd], events)
            if time.monotonic() > deadline:
                self.give_up()

    def give_up(self):
        for client in list(self.live.values()):
            waited = time.monotonic() - client.asked
            had = len(client.incoming)
            self.fail(client, TimeoutError(f"no whole reply after {waited:.1f} s ({had} bytes of it came)"))

    def report(self, pipe):
        try:
            self.run()
        except Exception as error:  # the parent must learn of anything that ends a load process
            self.errors.append(f"load process: {type(error).__name__}: {error}")
            self.barrier.abort()
        elapsed = time.monotonic() - self.clock.start if self.clock.start else 0.0
        pipe.send((self.waits.tobytes(), elapsed, len(self.errors), self.errors[:5]))


class Load:
    """All load processes of one measurement; used as a context so that none outlives it."""

    def __init__(self, address, script, clients, seconds, processes=2, tls=None, patience_s=20):
        plan = SimpleNamespace(address=address, script=script, seconds=seconds, tls=tls, patience_s=patience_s)
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(processes)
        self.parts = []
        for index in range(processes):
            mine, theirs = context.Pipe(False)
            worker = Worker(plan, range(index, clients, processes), barrier)
            self.parts.append((context.Process(target=worker.report, args=(theirs,), daemon=True), mine, theirs))

    def __enter__(self):
        for process, _, theirs in self.parts:
            process.start()
            theirs.close()
        return self

    def __exit__(self, *_):
        for process, mine, _ in self.parts:
            if process.is_alive():
                process.kill()
            process.join()
            mine.close()

    def over(self):
        return all(mine.poll() for _, mine, _ in self.parts)

    def result(self):
        """Round trips, requests per second and waits in ms, with the first errors."""
        waits, elapsed, wrong, errors = array.array("d"), 0.0, 0, []
        for _, mine, _ in self.parts:
            try:
                part = mine.recv()
            except EOFError:
                errors.append("a load process died")
                wrong += 1
                continue
            waits.frombytes(part[0])
            elapsed = max(elapsed, part[1])
            wrong += part[2]
            errors += part[3]
        ordered = sorted(waits) or [0.0]
        return SimpleNamespace(
            operations=len(waits),
            per_second=len(waits) / elapsed if elapsed else 0.0,
            p50_ms=ordered[len(ordered) // 2] * 1e3,
            p99_ms=ordered[len(ordered) * 99 // 100] * 1e3,
            wrong=wrong,
            errors=errors,
        )
