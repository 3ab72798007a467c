"""coroctl cancel around a real threaded program."""

import json
import signal
import time

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
    const char *name;
    void (*run)(void);
    int type, state;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_key_t key;
static int idle[2];

static void say(const char *name, const char *what)
{
    char line[100];
    ssize_t length = snprintf(line, sizeof(line), "%s %s\n", name, what);

    if (write(1, line, (size_t)length) != length)
        abort();
}

static void clean(void *name)
{
    say(name, "cleans");
}

static void destroy(void *name)
{
    say(name, "destroys");
}

static void reads(void) { char byte; (void)!read(idle[0], &byte, 1); }
static void waits(void)
{
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &mutex);
    for (;;)
        pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(0);
}
static void sleeps(void) { sleep(1000); }
static void polls(void) { poll(NULL, 0, -1); }
static void tests(void) { for (;;) pthread_testcancel(); }
static void spins(void) { for (;;); }
static void refuses(void)
{
    for (;;) {
        usleep(1000);
        if (access("open", F_OK) == 0)
            pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    }
}

static void *start(void *argument)
{
    struct worker *worker = argument;

    pthread_setspecific(key, worker->name);
    pthread_setcanceltype(worker->type, NULL);
    pthread_setcancelstate(worker->state, NULL);
    pthread_cleanup_push(clean, (void *)worker->name);
    for (;;)
        worker->run();
    pthread_cleanup_pop(0);
    return NULL;
}

static struct worker workers[] = {
    { "reads", reads, 0, 0 },
    { "waits", waits, 0, 0 },
    { "sleeps", sleeps, 0, 0 },
    { "polls", polls, 0, 0 },
    { "tests", tests, 0, 0 },
    { "spins", spins, PTHREAD_CANCEL_ASYNCHRONOUS, 0 },
    { "refuses", refuses, 0, PTHREAD_CANCEL_DISABLE },
};

int main(int argc, char *argv[])
{
    enum { COUNT = sizeof(workers) / sizeof(*workers) };
    pthread_t threads[COUNT];

    if (argc < 2 || chdir(argv[1]) != 0 || pipe(idle) != 0)
        return 1;
    pthread_key_create(&key, destroy);
    for (int i = 0; i < COUNT; i++)
        pthread_create(&threads[i], NULL, start, &workers[i]);
    usleep(100000);
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < COUNT; i++) {
        void *value;

        pthread_join(threads[i], &value);
        say(workers[i].name, value == PTHREAD_CANCELED ? "joined" : "ended otherwise");
    }
    return 7;
}
"""

NAMES = ("reads", "waits", "sleeps", "polls", "tests", "spins", "refuses")


class Cancel(Shimmed):
    def begin(self, source=PROGRAM):
        self.process = self.start(self.compile("cancelled", source, "-pthread"), self.folder)

    def ask(self, command, *arguments, status=0, message=""):
        done = self.run_tool("coroctl", command, "-p", self.process.pid, *arguments)
        self.assertRegex(done.stderr, f"^{message}$")
        self.assertEqual(done.returncode, status)
        return done.stdout

    def read_lines(self, count):
        return [self.process.stdout.readline().strip() for _ in range(count)]

    def test_each_thread_runs_its_handlers_and_destructors_and_is_joined(self):
        self.begin()
        for place, name in enumerate(NAMES[:-1]):
            with self.subTest(name=name):
                self.ask("cancel", place + 2)
                self.assertEqual(self.read_lines(3), [f"{name} cleans", f"{name} destroys", f"{name} joined"])
        self.ask("cancel", 8)
        time.sleep(0.2)
        self.assertIn(8, [thread["id"] for thread in json.loads(self.ask("list", "--json"))["threads"]],
                      "cancelled although it has disabled that")
        (self.folder / "open").touch()
        self.assertEqual(self.read_lines(3), ["refuses cleans", "refuses destroys", "refuses joined"])
        self.assertEqual(self.process.wait(30), 7)

    def test_several_at_once(self):
        self.begin()
        self.ask("cancel", 2, 3, 4, 5, 6, 7)
        self.assertEqual(sorted(self.read_lines(18)),
                         sorted(f"{name} {what}" for name in NAMES[:-1] for what in ("cleans", "destroys", "joined")))

    def test_threads_that_are_none(self):
        self.begin()
        self.ask("cancel", 99, status=1, message=f"coroctl: process {self.process.pid} refuses: no such thread\n")
        self.ask("cancel", 2)
        self.read_lines(3)
        self.ask("cancel", 2, status=1, message=f"coroctl: process {self.process.pid} refuses: no such thread\n")
        self.ask("cancel", "x", status=2, message="coroctl: 'x' is not a thread's id\n")
        self.ask("cancel", "-1", status=2, message="(.*\n)+")
        self.ask("cancel", status=2, message="coroctl: cancel takes the ids of threads\n")

    def test_main_leaves_and_the_others_go_on(self):
        self.begin()
        self.ask("cancel", 1)
        for _ in range(100):
            if 1 not in [thread["id"] for thread in json.loads(self.ask("list", "--json"))["threads"]]:
                break
            time.sleep(0.05)
        else:
            self.fail("main is still there")
        self.ask("cancel", 2)
        self.assertEqual(self.read_lines(2), ["reads cleans", "reads destroys"])

    def test_the_last_thread_ends_the_process(self):
        self.begin()
        (self.folder / "open").touch()
        self.ask("cancel", 1, 2, 3, 4, 5, 6, 7)
        self.run_tool("coroctl", "cancel", "-p", self.process.pid, 8)  # may end before it answers
        self.assertEqual(self.process.wait(30), 0)

    def test_a_stopped_process_is_not_waited_for(self):
        self.begin()
        self.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.process.send_signal, signal.SIGCONT)
        self.ask("cancel", 2, status=1, message=f"coroctl: process {self.process.pid}, which is stopped: it can't be asked for that, .*\n")

    def test_locks_of_libc_are_waited_for(self):
        self.compile("slow.so", r"""
#include <unistd.h>

__attribute__((constructor)) static void hold(void)
{
    while (access("open", F_OK) != 0)
        usleep(10000);
}
""", "-shared", "-fPIC")
        self.begin(r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *sleeps(void *argument)
{
    sleep(1000);
    return argument;
}

static void *holds(void *argument)
{
    dlopen("./slow.so", RTLD_NOW); /* its constructor has ld.so's lock */
    return argument;
}

int main(int argc, char *argv[])
{
    pthread_t sleeper, holder;
    void *value;

    if (argc < 2 || chdir(argv[1]) != 0)
        return 1;
    pthread_create(&sleeper, NULL, sleeps, NULL);
    pthread_create(&holder, NULL, holds, NULL);
    usleep(100000);
    puts("ready");
    fflush(stdout);
    pthread_join(sleeper, &value);
    return value == PTHREAD_CANCELED ? 9 : 1;
}
""")
        self.ask("cancel", "--timeout", "0.3", 2, status=1,
                 message=f"coroctl: process {self.process.pid} has not cancelled thread 2 within 0.3 s: "
                         "it will when it comes to it\n")
        done = self.run_on_terminal("coroctl", "cancel", "-p", self.process.pid, "--timeout", "2", 2)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^(\rcancelling: \d of 2 s\x1b\[K)+\r\x1b\[Kcoroctl: .* has not cancelled ")
        self.assertEqual(json.loads(self.ask("stat", "--json"))["pid"], self.process.pid)
        (self.folder / "open").touch()
        self.assertEqual(self.process.wait(30), 9)

    def test_threads_that_come_and_go_meanwhile(self):
        self.begin(r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *run(void *argument)
{
    usleep(500);
    return argument;
}

int main(int argc, char *argv[])
{
    int odd = argc < 2 || chdir(argv[1]) != 0;

    for (int round = 0; access("open", F_OK) != 0; round++) {
        pthread_t threads[50];

        for (int i = 0; i < 50; i++)
            pthread_create(&threads[i], NULL, run, threads);
        for (int i = 0; i < 50; i++) {
            void *value;

            pthread_join(threads[i], &value);
            odd += value != threads && value != PTHREAD_CANCELED;
        }
        if (round == 10) {
            puts("ready");
            fflush(stdout);
        }
    }
    return odd != 0;
}
""")
        for _ in range(100):
            threads = json.loads(self.ask("list", "--json"))["threads"]
            ids = [str(thread["id"]) for thread in threads if thread["id"] > 1][:8]
            self.run_tool("coroctl", "cancel", "-p", self.process.pid, *ids)
        (self.folder / "open").touch()
        self.assertEqual(self.process.wait(60), 0)
