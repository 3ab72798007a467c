"""coroctl where and deadlock around real threaded programs."""

import json
import re
import signal
import subprocess

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static volatile unsigned long turns;

static int __attribute__((noinline)) sleep_below(int depth)
{
    if (depth == 0)
        return (int)sleep(1000);
    return sleep_below(depth - 1) + 1;
}

static void *sleeper(void *argument)
{
    sleep_below(3);
    return argument;
}

static void *asks_the_time(void *argument)
{
    struct timespec now;

    for (;;)
        clock_gettime(CLOCK_MONOTONIC, &now);
    return argument;
}

static void *spinner(void *argument)
{
    for (;;)
        turns++;
    return argument;
}

static void *locker(void *argument)
{
    pthread_mutex_lock(argument);
    usleep(20000);
    pthread_mutex_lock(argument == &first ? &second : &first);
    return argument;
}

static void *joiner(void *argument)
{
    pthread_join(*(pthread_t *)argument, NULL);
    return argument;
}

int main(int argc, char *argv[])
{
    pthread_t thread, self = pthread_self();
    char byte;

    for (char *what = argc > 1 ? argv[1] : ""; *what; what++) {
        if (*what == 'z')
            pthread_create(&thread, NULL, sleeper, NULL);
        else if (*what == 's')
            pthread_create(&thread, NULL, spinner, NULL);
        else if (*what == 't')
            pthread_create(&thread, NULL, asks_the_time, NULL);
        else if (*what == 'j')
            pthread_create(&thread, NULL, joiner, &self);
        else
            pthread_create(&thread, NULL, locker, *what == '1' ? &first : &second);
    }
    usleep(100000);
    puts("ready");
    fflush(stdout);
    if (argc > 2)
        pthread_join(thread, NULL);
    read(0, &byte, 1);
    _exit(0);
}
"""


class Where(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile("stacks", PROGRAM, "-g", "-O1", "-pthread", "-fno-optimize-sibling-calls", "-w")

    def where(self, process, *arguments):
        done = self.run_tool("coroctl", "where", "-p", process.pid, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def functions(self, process, *arguments):
        """The names of the functions of each thread, innermost first."""
        document = json.loads(self.where(process, "--json", *arguments))
        self.assertEqual((document["schema"], document["pid"]), (1, process.pid))
        return {
            thread["id"]: [frame.get("function") for frame in thread["frames"]] for thread in document["threads"]
        }

    def test_a_parked_thread(self):
        process = self.start(self.program, "z")
        frames = self.functions(process)[2]
        self.assertEqual(frames[:6], ["sleep"] + ["sleep_below"] * 4 + ["sleeper"])
        text = self.where(process, "2")
        self.assertRegex(text, r"^thread 2 \(tid \d+, stacks, created by 1\): parked on sleep for [^,]*, 16 m \d+ s left\n")
        line = PROGRAM.split("\n").index("        return (int)sleep(1000);") + 1
        self.assertRegex(text, rf"\n  #1  sleep_below at .*:{line}\n")
        self.assertNotIn("thread 1", text)

    def test_main_waits_for_input(self):
        frames = self.functions(self.start(self.program, "z"), "1")
        self.assertEqual(list(frames), [1])
        self.assertEqual(frames[1][:2], ["read", "main"])

    def test_threads_that_spin(self):
        process = self.start(self.program, "sss")
        for _ in range(5):
            frames = self.functions(process)
            for thread in (2, 3, 4):
                self.assertEqual(frames[thread][0], "spinner", frames)

    def test_frames_of_the_shim_are_shown_on_request(self):
        process = self.start(self.program, "z")
        self.assertNotIn("sched_park", self.where(process, "2"))
        self.assertIn("sched_park", self.where(process, "2", "--all-frames"))

    def test_groups(self):
        text = self.where(self.start(self.program, "zzzz"), "--group")
        self.assertIn("4 threads: 2-5\n", text)
        self.assertEqual(text.count("sleeper"), 1)

    def test_ten_thousand_threads(self):
        process = self.start(self.program, "z" * 10000)
        for _ in range(20):  # until the last has come to its sleep
            text = self.where(process, "--group")
            if text.startswith("10000 threads: 2-10001\n"):
                break
        self.assertRegex(text, r"^10000 threads: 2-10001\n  the first is parked on sleep.*\n  #0  sleep ")
        self.assertEqual(len(self.functions(process)), 10001)

    def test_groups_as_a_document(self):
        process = self.start(self.program, "zzzz")
        document = json.loads(self.where(process, "--group", "--json"))
        self.assertEqual((document["schema"], document["pid"]), (1, process.pid))
        self.assertNotIn("threads", document)
        self.assertEqual([group["ids"] for group in document["groups"]], [[2, 3, 4, 5], [1]])
        functions = [frame["function"] for frame in document["groups"][0]["frames"]]
        self.assertEqual(functions[1:6], ["sleep_below"] * 4 + ["sleeper"])

    def test_plain(self):
        rows = [line.split("\t") for line in self.where(self.start(self.program, "z"), "--plain", "2").splitlines()]
        self.assertEqual(rows[0], ["ID", "FRAME", "FUNCTION", "FILE", "LINE", "OBJECT", "OFFSET", "PC"])
        self.assertEqual(rows[2][:3], ["2", "1", "sleep_below"])
        self.assertEqual(rows[2][5], "stacks")

    def test_the_vdso_is_an_object_like_others(self):
        process = self.start(self.program, "t")
        for _ in range(100):
            text = self.where(process, "2")
            self.assertNotIn("[vdso", text)
            if "(vdso+0x" in text:
                return
        self.skipTest("never met there")

    def test_a_stripped_program(self):
        subprocess.run(["strip", self.program], check=True)
        frames = self.functions(self.start(self.program, "z"), "2")[2]
        self.assertEqual(frames[:6], ["sleep"] + [None] * 5)

    def test_ids_that_are_none(self):
        process = self.start(self.program, "z")
        done = self.run_tool("coroctl", "where", "-p", process.pid, "77")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr, f"coroctl: process {process.pid} has no thread 77\n")
        done = self.run_tool("coroctl", "where", "-p", process.pid, "seven")
        self.assertEqual((done.returncode, done.stderr), (2, "coroctl: 'seven' is not a thread's id\n"))
        for command, *rest in (["where"], ["cancel"], ["kill", "USR1"], ["get", "-t"]):
            for number in ("18446744073709551617", "-1", "0", "1.5", ""):
                arguments = ["-t", number] if rest == ["-t"] else [number, *rest]
                done = self.run_tool("coroctl", command, "-p", process.pid, "--", *arguments) \
                    if rest != ["-t"] else self.run_tool("coroctl", command, *arguments)
                self.assertEqual((done.returncode, done.stderr),
                                 (2, f"coroctl: '{number}' is not a thread's id\n"), command)

    def test_a_stopped_process_has_no_profile(self):
        process = self.start(self.program, "zs")
        process.send_signal(signal.SIGSTOP)
        for option in ("--hz=99", "--off-cpu"):
            done = self.run_tool("coroctl", "profile", "-p", process.pid, "-o", self.runtime / "out.svg", option)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(done.stderr, f"coroctl: process {process.pid} is stopped: there is nothing to sample\n")
            self.assertFalse((self.runtime / "out.svg").exists())

    def test_a_deadlock_of_two(self):
        process = self.start(self.program, "12")
        done = self.run_tool("coroctl", "deadlock", "-p", process.pid)
        self.assertEqual((done.returncode, done.stderr), (6, ""))
        self.assertIn("deadlock: 2 threads wait for each other\n", done.stdout)
        self.assertEqual(done.stdout.count("locker"), 2)
        done = self.run_tool("coroctl", "deadlock", "--json", "-p", process.pid)
        cycles = json.loads(done.stdout)["deadlocks"]
        self.assertEqual([[(t["id"], t["on"], t["waits_for_id"]) for t in c] for c in cycles],
                         [[(2, "mutex", 3), (3, "mutex", 2)]])
        self.assertRegex(self.where(process, "2"), "holds mutex 0x[0-9a-f]+, which thread 3 waits for\n")

    def test_threads_that_join_each_other(self):
        process = self.start(self.program, "j", "and main joins it")
        done = self.run_tool("coroctl", "deadlock", "-p", process.pid)
        self.assertEqual(done.returncode, 6, done.stdout)
        self.assertIn("join of", done.stdout)

    def test_no_deadlock(self):
        done = self.run_tool("coroctl", "deadlock", "-p", self.start(self.program, "1zs").pid)
        self.assertEqual((done.returncode, done.stdout), (0, "no deadlock among 3 threads\n"))
