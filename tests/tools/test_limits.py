"""CORO_TIMEOUT_* end the blocking calls of a program that knows nothing of them; CORO_PRIORITY says
who runs next."""

import pathlib

from place import Shimmed

LIMIT = 250  # ms

ORDER = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sched.h>

static sem_t ready;


static void *other(void *unused)
{
    for (int i = 0; i < 3; i++) {
        printf("other\n");
        sched_yield();
    }
    return unused;
}

static void *woken(void *unused)
{
    sem_wait(&ready);
    printf("woken\n");
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    pthread_create(&threads[0], NULL, woken, NULL);
    sched_yield();
    pthread_create(&threads[1], NULL, other, NULL);
    pthread_create(&threads[2], NULL, other, NULL);
    sem_post(&ready);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
"""


class Limits(Shimmed):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o777)

    def run_limited(self, *options):
        """{call: (result, errno's name, ms)} of tests/tools/limited.c."""
        source = (pathlib.Path(__file__).parent / "limited.c").read_text()
        program = self.compile("limited", source, "-w", "-pthread")
        done = self.run_tool("corun", *options, "--", program)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        calls = {}
        for line in done.stdout.splitlines():
            call, _, rest = line.rpartition(": ")
            calls[call] = rest.split()
        return calls

    def test_every_blocking_call_ends(self):
        limit = f"{LIMIT}ms"
        calls = self.run_limited(
            f"--timeout-read={limit}", f"--timeout-write={limit}", f"--timeout-accept={limit}",
            f"--timeout-connect={limit}",
        )
        late = {call: words for call, words in calls.items() if words[:2] == ["-1", "EAGAIN"]}
        for call in ("read(tube[0], data, 1)", "recv(pair[0], data, 1, 0)", "recv(pair[0], data, 3, 0)",
                     "write(tube[1], data, 1)", "accept(server, NULL, NULL)", "read(tube[0], data, 7)"):
            self.assertIn(call, late)
            self.assertGreaterEqual(int(late[call][2]), LIMIT - 1, call)
            self.assertLess(int(late[call][2]), 30000, call)
        for call in ("connect(fd, (struct sockaddr *)&address, sizeof(address))",
                     "connect(fd, (struct sockaddr *)&local, sizeof(local))"):
            self.assertEqual(calls[call][:2], ["-1", "ETIMEDOUT"], call)
            self.assertGreaterEqual(int(calls[call][2]), LIMIT - 1)
        # The program's own timeout wins when it is shorter; what has moved is the result; calls that
        # don't block, and descriptors that are neither sockets, pipes nor terminals, are as before.
        own = calls["recv(pair[0], data, 2, 0)"]
        self.assertEqual(own[:2], ["-1", "EAGAIN"])
        self.assertGreaterEqual(int(own[2]), 49)
        self.assertEqual(calls["recv(pair[0], data, 4, MSG_WAITALL)"][0], "some")
        self.assertEqual(calls["write(tube[1], data, sizeof(data))"][0], "some")
        self.assertEqual(calls["read(event, data, 8)"][:2], ["-1", "EAGAIN"])
        self.assertEqual(calls["read(tube[0], data, 5)"][:2], ["-1", "EAGAIN"])
        self.assertEqual(calls["trickle"], ["all"])

    def test_a_limit_that_is_not_weak_counts_from_the_first_wait(self):
        limit = f"{LIMIT}ms"
        calls = self.run_limited(
            f"--timeout-read={limit}", f"--timeout-write={limit}", f"--timeout-accept={limit}",
            f"--timeout-connect={limit}", "--no-timeout-weak",
        )
        self.assertEqual(calls["trickle"], ["a", "part"])

    def test_priority_says_who_runs_next(self):
        program = self.compile("order", ORDER, "-w", "-pthread")

        def place_of_woken(who):
            done = self.run_tool("corun", "--slice=0", f"--priority={who}", "--", program)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return done.stdout.split().index("woken")

        self.assertEqual(place_of_woken("first"), 0)
        self.assertEqual(place_of_woken("coro"), 0)
        for who in ("last", "op", "default"):
            self.assertEqual(place_of_woken(who), 2, who)
