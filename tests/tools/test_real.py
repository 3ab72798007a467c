"""corun and coroctl with the real library, around a real threaded program."""

import json
import pathlib

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static int pipes[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *reader(void *unused)
{
    char byte;

    read(pipes[0], &byte, 1);
    return unused;
}

static void *locker(void *unused)
{
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    return unused;
}

int main(int argc, char *argv[])
{
    pthread_t threads[2];
    char byte;

    (void)argv;
    pipe(pipes);
    pthread_mutex_lock(&mutex);
    pthread_create(&threads[0], NULL, reader, NULL);
    pthread_setname_np(threads[0], "reader");
    pthread_create(&threads[1], NULL, locker, NULL);
    pthread_setname_np(threads[1], "locker");
    usleep(50000);
    puts("ready");
    fflush(stdout);
    if (argc > 1)
        for (;;)
            ;
    read(0, &byte, 1);
    pthread_mutex_unlock(&mutex);
    write(pipes[1], "", 1);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 42;
}
"""


class Real(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile("threaded", "#define _GNU_SOURCE\n" + PROGRAM, "-w", "-pthread")

    def threads_of(self, process):
        done = self.run_tool("coroctl", "list", "--json", "-p", process.pid)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)["threads"]

    def test_three_threads_and_what_they_wait_on(self):
        process = self.start(self.program)
        threads = self.threads_of(process)
        self.assertEqual([thread["name"] for thread in threads], ["threaded", "reader", "locker"])
        self.assertEqual([thread["wait"]["on"] for thread in threads][1:], ["read", "mutex"])
        self.assertEqual(threads[2]["wait"]["owner_id"], threads[0]["id"])
        process.stdin.write("x")
        process.stdin.flush()
        self.assertEqual(process.wait(timeout=60), 42)
        self.assertFalse(list(pathlib.Path(self.runtime).glob("coroshim/*.sock")))

    def test_a_spinning_program_answers(self):
        process = self.start(self.program, "spin")
        states = [thread["state"] for thread in self.threads_of(process)]
        self.assertEqual(states[1:], ["parked", "parked"])
        self.assertIn(states[0], ("running", "runnable"))
