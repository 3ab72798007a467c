"""gdb's plug-in, and what attaching to a program under the shim does to it: nothing."""

import json
import re
import shutil
import subprocess
import time
import unittest

from test_memory import CRASHES, Dead, starts_none

LIVE = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int ends[2];

static __attribute__((noinline)) int wait_below(int depth)
{
    char byte;
    return depth ? wait_below(depth - 1) + 1 : (int)read(ends[0], &byte, 1);
}

static void *reader(void *argument)
{
    wait_below(3);
    return argument;
}

static void *locker(void *argument)
{
    pthread_mutex_lock(&mutex);
    return argument;
}

int main(void)
{
    pthread_t thread;
    char byte;

    pipe(ends);
    pthread_mutex_lock(&mutex);
    pthread_create(&thread, NULL, reader, NULL);
    pthread_setname_np(thread, "takes");
    pthread_create(&thread, NULL, locker, NULL);
    usleep(100000);
    puts("ready");
    fflush(stdout);
    read(0, &byte, 1);
    _exit(3);
}
"""

# Counts turns of several kinds while somebody attaches and detaches; all of them have to add up.
BUSY = r"""
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURNS 400

static int ends[2];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, failures;

static void check(long result, long wanted)
{
    if (result != wanted)
        __atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

static void *writer(void *argument)
{
    for (int i = 0; i < TURNS; i++) {
        usleep(5000);
        check(write(ends[1], &i, sizeof(i)), sizeof(i));
    }
    return argument;
}

static void *reader(void *argument)
{
    for (int i = 0, got; i < TURNS; i++) {
        check(read(ends[0], &got, sizeof(got)), sizeof(got));
        check(got, i);
    }
    return argument;
}

static void *takes_turns(void *argument)
{
    int own = argument != NULL;

    for (int i = 0; i < TURNS; i++) {
        pthread_mutex_lock(&mutex);
        while (turn % 2 != own)
            pthread_cond_wait(&cond, &mutex);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
        check(nanosleep(&(struct timespec){ .tv_nsec = 4000000 }, NULL), 0);
    }
    return argument;
}

static void *computes(void *argument)
{
    struct timespec begin, now;
    volatile double sum = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        for (int i = 1; i < 10000; i++)
            sum += 1.0 / i;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < 2);
    return argument;
}

int main(void)
{
    void *(*const bodies[])(void *) = { writer, reader, takes_turns, takes_turns, computes };
    pthread_t threads[5];

    pipe(ends);
    for (int i = 0; i < 5; i++)
        pthread_create(&threads[i], NULL, bodies[i], i == 3 ? &turn : NULL);
    puts("ready");
    fflush(stdout);
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    printf("%d turns, %d failures\n", turn, failures);
    return 0;
}
"""

FLAGS = ("-g", "-O1", "-pthread", "-fno-optimize-sibling-calls", "-w", "-D_GNU_SOURCE")


@unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
class Gdb(Dead):
    def setUp(self):
        super().setUp()
        self.copy("libcoroshim.so-gdb.py")

    def gdb(self, *arguments, commands=()):
        """What gdb says: the plug-in is loaded by itself, from beside the library."""
        done = subprocess.run(
            ["gdb", "-nx", "-q", "-batch", "-iex", f"add-auto-load-safe-path {self.folder}",
             "-iex", "set debuginfod enabled off", *map(str, arguments),
             *(word for command in commands for word in ("-ex", command))],
            env=self.environment, cwd=self.runtime, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
            check=False)
        if "ptrace: Operation not permitted" in done.stderr:
            self.skipTest("nobody may trace here")
        self.assertNotIn("Python Exception", done.stdout + done.stderr)
        return done.stdout, done.stderr

    def check_live(self):
        process = self.start(self.compile("live", LIVE, *FLAGS))
        out, _ = self.gdb("-p", process.pid, commands=(
            "info coroutines", "coroutine 2", "echo BACKTRACE\\n", "bt", "echo FRAME\\n", "frame function wait_below",
            "print depth", "info coroutines", "echo APPLIED\\n", "coroutine apply all bt", "coroutine apply 3 print 7*6",
            "coroutine none", "echo NATIVE\\n", "bt", "coroutine 77", "coroutine nonsense"))
        self.assertRegex(out, r"(?m)^  2 +\d+ +takes +parked +read fd \d+ +read$")
        self.assertRegex(out, r"(?m)^  3 +\d+ +live +parked +mutex 0x[0-9a-f]+ held by 1 ")
        self.assertRegex(out, r'(?m)^\[Switching to coroutine 2 \(tid \d+, "takes"\)\]$')
        shown = re.search(r"(?s)BACKTRACE\n(.*)FRAME\n", out).group(1)
        names = re.findall(r"(?m)^#\d+ +(?:0x[0-9a-f]+ in )?(\w+) \(", shown)
        self.assertEqual(names[:6], ["read"] + ["wait_below"] * 4 + ["reader"])
        self.assertRegex(out, r"(?m)^\$1 = 0$")
        self.assertRegex(out, r"(?m)^\* 2 +\d+ +takes ")
        applied = re.search(r"(?s)APPLIED\n(.*)NATIVE\n", out).group(1)
        self.assertEqual(re.findall(r"(?m)^Coroutine (\d+) ", applied), ["1", "2", "3", "3"])
        self.assertIn(" locker (", applied)
        self.assertIn(" main (", applied)
        self.assertIn("= 42\n", applied)
        self.assertNotIn("wait_below", out.partition("NATIVE\n")[2])
        return process

    def test_a_live_process(self):
        process = self.check_live()
        process.stdin.write("x")
        process.stdin.flush()
        self.assertEqual(process.wait(30), 3)

    def test_a_stripped_library(self):
        subprocess.run(["strip", self.folder / "libcoroshim.so"], check=True)
        self.check_live()

    def test_a_core_file(self):
        core, _ = self.crash()
        out, _ = self.gdb(self.folder / "crashes", core, commands=(
            "coroutine apply all bt", "info coroutines", "coroutine 2", "bt"))
        parts = dict(re.findall(r"(?ms)^Coroutine (\d+) (.*?)(?=^Coroutine |^  Id )", out))
        self.assertEqual(sorted(parts), ["1", "2", "3"])
        self.assertRegex(parts["3"], r"(?s)write_to \(.*crashes \(")
        self.assertRegex(parts["2"], r"(?s) sleep \(.*sleeps \(")
        self.assertRegex(out, r"(?m)^  3 +\d+ +crashes +running +- +write_to at ")

    def test_gcore_leaves_no_stack_out(self):
        process = self.start(self.compile("live", LIVE, *FLAGS))
        before = self.functions("-p", process.pid)
        core = self.runtime / "core.made"
        self.gdb("-p", process.pid, commands=(f"coroutine gcore {core}",))
        core.chmod(0o644)
        self.assertEqual(self.functions("--core", core), before)

    def test_threads_that_were_not_started(self):
        process = starts_none(self)
        done = self.run_tool("coroctl", "list", "--json", "-p", process.pid)
        threads = json.loads(done.stdout)["threads"]
        new = [thread["id"] for thread in threads if thread["state"] == "new"][0]
        core = self.runtime / "core.made"
        out, errors = self.gdb("-p", process.pid, commands=(
            "info coroutines", f"coroutine gcore {core}", "coroutine apply all bt", f"coroutine {new}"))
        rows = re.findall(r"(?m)^  (\d+) +(\S+) +(\S+) +(\w+) ", out)
        self.assertEqual(rows, [(str(thread["id"]), str(thread.get("tid", "-")), thread["name"], thread["state"])
                                for thread in threads])
        self.assertRegex(out, rf"(?m)^  {new} +- +new +new +- +-$")
        self.assertNotIn(f"Coroutine {new} ", out)
        self.assertIn(f"Coroutine {new} has not been started.", errors)
        core.chmod(0o644)
        done = self.run_tool("coroctl", "list", "--json", "--core", core)
        self.assertEqual([(thread["id"], thread["name"], thread["state"]) for thread in json.loads(done.stdout)["threads"]],
                         [(thread["id"], thread["name"], thread["state"]) for thread in threads])

    def test_a_program_that_is_not_under_the_shim(self):
        program = self.compile("crashes", CRASHES, "-g", "-pthread")
        _, errors = self.gdb(program, "-ex", f"source {self.folder}/libcoroshim.so-gdb.py", commands=(
            "info coroutines", "coroutine apply all bt"))
        self.assertEqual(errors.count("coroshim is not in this program."), 2, errors)

    def attach(self, process, *command):
        done = subprocess.run([*map(str, command)], env=self.environment, cwd=self.runtime, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        if "not permitted" in done.stderr and process.poll() is None:
            self.skipTest("nobody may trace here")

    def check_undisturbed(self, *command):
        process = self.start(self.compile("busy", BUSY, *FLAGS))
        times = 0
        while process.poll() is None and times < 8:
            self.attach(process, *(str(process.pid) if word == "PID" else word for word in command))
            times += 1
            time.sleep(0.05)
        self.assertEqual(process.stdout.read(), "800 turns, 0 failures\n")
        self.assertEqual(process.wait(60), 0)
        self.assertGreater(times, 0)

    def test_attaching_with_gdb_changes_nothing(self):
        self.check_undisturbed("gdb", "-nx", "-q", "-batch", "-iex", "set auto-load no", "-p", "PID", "-ex", "bt", "-ex",
                               "detach")

    @unittest.skipUnless(shutil.which("strace"), "strace is not installed")
    def test_attaching_with_strace_changes_nothing(self):
        self.check_undisturbed("timeout", "-s", "INT", "0.3", "strace", "-f", "-q", "-o", "/dev/null", "-p", "PID")

