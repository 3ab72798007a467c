"""The far ends that proxies and clients under test talk to: an echo server and an HTTP origin.

Each is one process with an epoll loop, never under the shim. The origin serves /SIZE/NAME: SIZE bytes
that depend on NAME, so that a mixed-up reply is noticed.
"""

import hashlib
import multiprocessing
import select
import signal
import socket

from .case import free_port

CHUNK = 262144
MOST_BYTES = 1 << 20


def page(size, name):
    """The body of /SIZE/NAME."""
    seed = hashlib.sha256(f"{size}/{name}".encode()).hexdigest().encode()
    return (seed * (size // len(seed) + 1))[:size]


def echo(data):
    """Returns the bytes used, the answer, and whether to close."""
    return len(data), bytes(data), False


def http(data):
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0, b"", False
    head = bytes(data[:end]).decode("latin-1")
    try:
        method, path, _ = head.split("\r\n", 1)[0].split(" ")
        _, size, name = path.split("/", 2)
        if method != "GET" or int(size) > MOST_BYTES:
            raise ValueError(path)
        body, status = page(int(size), name), "200 OK"
    except ValueError:
        body, status = head.encode(), "400 Bad Request"
    closing = "connection: close" in head.lower()
    fields = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: {'close' if closing else 'keep-alive'}\r\n\r\n"
    return end + 4, fields.encode() + body, closing


class Connection:
    """One accepted connection: bytes not yet understood, bytes not yet sent."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closing = False

    def turn(self, events, handler):
        """Serves what is ready; returns the events to wait for, 0 to close."""
        if events & ~select.EPOLLOUT:
            data = self.socket.recv(CHUNK)
            if not data:
                return 0
            self.incoming += data
            used = 1
            while used and self.incoming and not self.closing:
                used, answer, self.closing = handler(self.incoming)
                del self.incoming[:used]
                self.outgoing += answer
        if self.outgoing:
            try:
                del self.outgoing[: self.socket.send(self.outgoing)]
            except BlockingIOError:
                pass
        if self.closing and not self.outgoing:
            return 0
        return select.EPOLLIN | (select.EPOLLOUT if self.outgoing else 0)


def serve(listeners, handler):
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    poller = select.epoll()
    doors = {listener.fileno(): listener for listener in listeners}
    for fd in doors:
        poller.register(fd, select.EPOLLIN)
    open_ones = {}
    while True:
        for fd, events in poller.poll():
            if fd in doors:
                connection = Connection(doors[fd].accept()[0])
                open_ones[connection.socket.fileno()] = connection
                poller.register(connection.socket.fileno(), select.EPOLLIN)
                continue
            connection = open_ones[fd]
            try:
                wanted = connection.turn(events, handler)
            except OSError:
                wanted = 0
            if wanted:
                poller.modify(fd, wanted)
            else:
                del open_ones[fd]
                connection.socket.close()


class Server:
    """A context around one server process; `ports` are where it listens."""

    def __init__(self, handler, ports=1, host="127.0.0.1"):
        self.handler = handler
        self.host = host
        self.listeners = [self.listen() for _ in range(ports)]
        self.ports = [listener.getsockname()[1] for listener in self.listeners]
        self.port = self.ports[0]

    def listen(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, free_port(self.host)), family=family, backlog=4096)

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=serve, args=(self.listeners, self.handler), daemon=True)
        self.process.start()
        for listener in self.listeners:
            listener.close()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()
