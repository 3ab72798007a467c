"""The control socket of a real program and clients of every kind: many that change things, slow ones,
garbage, and those that vanish."""

import json
import random
import socket
import struct
import threading

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static volatile int signals;

static void count(int number)
{
    signals += number != 0;
}

static void *sleeper(void *argument)
{
    for (;;)
        pause();
    return argument;
}

int main(void)
{
    pthread_t thread;
    char byte;

    signal(SIGUSR1, count);
    for (int i = 0; i < 50; i++)
        pthread_create(&thread, NULL, sleeper, NULL);
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 5;
}
"""

HELLO = struct.pack("=IHHII", 8, 1, 0, 0x4F524F43, 1)


def frame(kind, body):
    return struct.pack("=IHH", len(body), kind, 0) + body


class Clients(Shimmed):
    def setUp(self):
        super().setUp()
        self.process = self.start(self.compile("served", PROGRAM, "-pthread"), options=["--call"])
        self.path = str(self.runtime / "coroshim" / f"{self.process.pid}.sock")

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.path)  # waits for its turn
        client.settimeout(30)
        self.addCleanup(client.close)
        return client

    def ask(self, command, *arguments):
        done = self.run_tool("coroctl", command, "-p", self.process.pid, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), (command, arguments))
        return done.stdout

    def end_well(self):
        self.assertEqual(len(json.loads(self.ask("list", "--json"))["threads"]), 51)
        self.process.stdin.close()
        self.assertEqual(self.process.wait(30), 5)

    def test_many_that_change_things_at_the_same_time(self):
        problems = []

        def run(number):
            for i in range(5):
                for arguments in (("set", f"slice={number + 1}ms"), ("set", "-t", 2, f"selfishness={i + 1}"),
                                  ("kill", 3 + number, "USR1"), ("call", "labs(-7)")):
                    done = self.run_tool("coroctl", arguments[0], "-p", self.process.pid, *arguments[1:])
                    busy = "still on their way" in done.stderr or "too many clients" in done.stderr
                    if (done.returncode, done.stderr) != (0, "") and not busy:
                        problems.append((arguments, done.returncode, done.stderr))
                    if arguments[0] == "call" and not busy and done.stdout != "7\n":
                        problems.append((arguments, done.stdout))

        runners = [threading.Thread(target=run, args=(number,)) for number in range(6)]
        self.copy("coroctl")
        for runner in runners:
            runner.start()
        for runner in runners:
            runner.join()
        self.assertEqual(problems, [])
        self.assertIn(json.loads(self.ask("get", "--json", "slice"))["settings"]["CORO_SLICE"],
                      [f"{number + 1}ms" for number in range(6)])
        self.end_well()

    def test_slow_ones_wait_alone(self):
        request = HELLO + frame(2, struct.pack("=QII", 0, 0, 0))
        slow = [(self.connect(), length) for length in (0, 1, 7, 8, 9, 15, 16, 20)]
        for client, length in slow:
            client.sendall(request[:length])
        self.ask("list")
        for client, length in slow:
            client.sendall(request[length:])
            replies = client.makefile("rb")
            for kind in (1, 2):
                header = struct.unpack("=IHH", replies.read(8))
                self.assertEqual(header[1], kind | 0x8000)
                replies.read(header[0])
        self.end_well()

    def test_one_that_never_reads_holds_nobody_up(self):
        client = self.connect()
        client.setblocking(False)
        client.send(HELLO)
        try:
            for _ in range(100000):
                client.send(frame(3, struct.pack("=QQII", 0, 0, 32768, 0)))
        except BlockingIOError:
            pass
        self.ask("list")
        self.end_well()

    def test_garbage(self):
        generator = random.Random(7)
        for _ in range(300):
            client = self.connect()
            try:
                client.sendall(HELLO * generator.randrange(2))
                for _ in range(generator.randrange(1, 4)):
                    kind = generator.choice((*range(16), 0x8001, 0xFFFF))
                    body = generator.randbytes(generator.choice((0, 4, 8, 16, 64, 296, 3008, 4096)))
                    length = generator.choice((len(body), len(body), generator.randrange(2**32)))
                    client.sendall(struct.pack("=IHH", length, kind, 0) + body)
            except (BrokenPipeError, ConnectionResetError):
                pass
            client.close()
        self.ask("list")
        # Nothing of it was a call or a signal that could end the program.
        self.assertIsNone(self.process.poll())

    def test_those_that_vanish_while_they_wait(self):
        for _ in range(30):
            client = self.connect()
            client.sendall(HELLO + frame(9, struct.pack("=QQ", 0, 2**40)) + frame(6, b""))
            client.close()
        self.end_well()
