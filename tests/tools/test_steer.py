"""coroctl get, set, kill, stat and top around a real threaded program."""

import json
import re
import shutil
import subprocess
import time
import unittest

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static __thread const char *name;

static void handler(int number)
{
    printf("%s got %d\n", name, number);
    fflush(stdout);
}

static void *spinner(void *argument)
{
    name = "spinner";
    for (;;)
        ;
    return argument;
}

static void *sleeper(void *argument)
{
    name = "sleeper";
    for (;;)
        pause();
    return argument;
}

int main(void)
{
    pthread_t thread;
    char byte;

    name = "main";
    signal(SIGUSR1, handler);
    pthread_create(&thread, NULL, spinner, NULL);
    pthread_setname_np(thread, "spinner");
    pthread_create(&thread, NULL, sleeper, NULL);
    pthread_setname_np(thread, "sleeper");
    usleep(100000);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""


class Steer(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile("steered", PROGRAM, "-w", "-pthread")
        self.process = self.start(self.program, options=["--slice=1ms"])

    def ask(self, command, *arguments, status=0, message=""):
        done = self.run_tool("coroctl", command, "-p", self.process.pid, *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, f"^{message}$")
        return done.stdout

    def test_settings_are_shown(self):
        lines = self.ask("get").splitlines()
        self.assertIn(["CORO_SLICE", "1ms", "20us..10s", "or", "0"], [line.split() for line in lines])
        self.assertRegex("\n".join(lines), r"CORO_CONTROL +on +on or off \(only at the start\)")
        self.assertEqual(json.loads(self.ask("get", "--json", "slice"))["settings"], {"CORO_SLICE": "1ms"})
        self.assertEqual(self.ask("get", "--plain", "selfishness").splitlines()[1:],
                         ["CORO_SELFISHNESS\t4\t1..32768\tyes"])
        for names, message in (
            (["nothing"], "coroctl: CORO_NOTHING: unknown variable; see coroctl get\n"),
            (["slice", "sliec"], r"coroctl: CORO_SLIEC: unknown variable; did you mean CORO_SLICE\?\n"),
            (["lib"], "coroctl: CORO_LIB: no setting of a process\n"),
            (["-t", 2, "slice"], "coroctl: CORO_SLICE: a thread has no such setting of its own\n"),
        ):
            with self.subTest(names=names):
                self.assertEqual(self.ask("get", *names, status=2, message=message), "")
        self.ask("get", "-t", 77, status=1, message=f"coroctl: process {self.process.pid} has no thread 77\n")

    def test_settings_change(self):
        self.assertEqual(self.ask("set", "slice=5ms", "CORO_SELFISHNESS=9"), "CORO_SLICE=5ms\nCORO_SELFISHNESS=9\n")
        self.assertEqual(json.loads(self.ask("get", "--json", "slice", "selfishness"))["settings"],
                         {"CORO_SELFISHNESS": "9", "CORO_SLICE": "5ms"})
        self.assertEqual(self.ask("set", "-t", 2, "selfishness=100"), "thread 2: CORO_SELFISHNESS=100\n")
        self.assertEqual(json.loads(self.ask("get", "--json", "selfishness"))["settings"], {"CORO_SELFISHNESS": "9"})
        own = {"schema": 1, "pid": self.process.pid, "thread": 2, "own": True, "settings": {"CORO_SELFISHNESS": "100"}}
        self.assertEqual(json.loads(self.ask("get", "-t", 2, "--json")), own)
        other = {**own, "thread": 3, "own": False, "settings": {"CORO_SELFISHNESS": "9"}}
        self.assertEqual(json.loads(self.ask("get", "-t", 3, "--json", "selfishness")), other)
        self.assertRegex(self.ask("get", "-t", 2), r"^CORO_SELFISHNESS +100 +1\.\.32768 \(its own\)\n$")
        self.assertRegex(self.ask("get", "-t", 3), r"^CORO_SELFISHNESS +9 +1\.\.32768 \(the process's\)\n$")
        threads = json.loads(self.ask("list", "--json"))["threads"]
        self.assertEqual([(thread["selfishness"], thread["own_selfishness"]) for thread in threads],
                         [(9, False), (100, True), (9, False)])

    def test_bad_settings_change_nothing(self):
        for arguments, status, message in (
            (["slice=12x"], 1, "coroctl: CORO_SLICE=12x: not a duration\n"),
            (["selfishness=9", "slice=5ms", "log=loud", "selfishness=0"], 1,
             "coroctl: CORO_LOG=loud: .*\ncoroctl: CORO_SELFISHNESS=0: out of range 1\\.\\.32768\n"),
            (["control=off"], 1, "coroctl: CORO_CONTROL=off: cannot be changed while the program runs\n"),
            (["selfishness=9", "sliec=5ms"], 1,
             "coroctl: CORO_SLIEC=5ms: unknown variable; did you mean CORO_SLICE\\?\n"),
            (["-t", 2, "slice=1ms"], 1, "coroctl: CORO_SLICE=1ms: a thread has no such setting of its own\n"),
            (["-t", 77, "selfishness=5"], 1, f"coroctl: process {self.process.pid} has no thread 77\n"),
            (["slice"], 2, "coroctl: 'slice' is not NAME=VALUE\n"),
            ([], 2, "coroctl: set what.*\n"),
        ):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.ask("set", *arguments, status=status, message=message), "")
        self.assertEqual(json.loads(self.ask("get", "--json", "slice", "selfishness", "log"))["settings"],
                         {"CORO_SELFISHNESS": "4", "CORO_SLICE": "1ms", "CORO_LOG": "warn"})

    def test_a_refusal_has_a_document(self):
        text = self.ask("set", "--json", "selfishness=9", "slice=12x", status=1,
                        message="coroctl: CORO_SLICE=12x: not a duration\n")
        self.assertEqual(json.loads(text), {
            "schema": 1, "pid": self.process.pid, "settings": {},
            "refused": [{"name": "CORO_SLICE", "value": "12x", "why": "not a duration"}]})

    def test_a_signal_reaches_the_thread_that_is_meant(self):
        for thread, name in ((2, "spinner"), (3, "sleeper"), (2, "spinner")):
            self.ask("kill", thread, "USR1")
            self.assertEqual(self.process.stdout.readline(), f"{name} got 10\n")

    def test_a_signal_without_a_handler_ends_the_process(self):
        self.ask("kill", 3, "SIGTERM")
        self.assertEqual(self.process.wait(timeout=30), -15)

    def test_signals_and_threads_that_are_none(self):
        self.ask("kill", 3, "NOSUCH", status=2, message="coroctl: 'NOSUCH' is not a signal\n")
        self.ask("kill", 3, status=2, message="coroctl: kill takes a thread's id and a signal\n")
        self.ask("kill", "x", "USR1", status=2, message="coroctl: 'x' is not a thread's id\n")
        self.ask("kill", 77, "USR1", status=1,
                 message=f"coroctl: process {self.process.pid} refuses: no such thread\n")

    def test_figures(self):
        figures = json.loads(self.ask("stat", "--json"))
        self.assertEqual((figures["schema"], figures["pid"]), (1, self.process.pid))
        self.assertEqual((figures["threads"], figures["threads_created"]), (3, 3))
        self.assertGreater(figures["carrier_cpu_ns"], 0)
        later = json.loads(self.ask("stat", "--json"))
        self.assertGreater(later["uptime_ns"], figures["uptime_ns"])
        self.assertGreaterEqual(later["switches"], figures["switches"])
        self.assertRegex(self.ask("stat"), r"(?m)^threads +3$")
        lines = self.ask("stat", "-i", "0.1", "-n", "3").splitlines()
        self.assertEqual(len(lines), 4)
        self.assertEqual({line.split()[0] for line in lines[1:]}, {"3"})

    def test_figures_for_prometheus(self):
        lines = self.ask("stat", "--prometheus").splitlines()
        self.assertIn(f'coroshim_threads{{pid="{self.process.pid}",program="steered"}} 3', lines)
        self.assertIn("# TYPE coroshim_switches_total counter", lines)
        self.assertIn("# TYPE coroshim_uptime_seconds gauge", lines)
        for line in lines:
            if line.startswith("# TYPE"):
                _, _, name, kind = line.split()
                self.assertEqual(kind == "counter", name.endswith("_total"), line)
        for line in lines:
            self.assertRegex(line, r'^(# (HELP|TYPE) coroshim_\w+ .+|coroshim_\w+\{pid="\d+",program="steered"\} [0-9.]+)$')

    def test_the_busiest_come_first(self):
        tables = self.ask("top", "--batch", "-i", "0.5", "-n", "2").split("\n\n")
        self.assertEqual(len(tables), 2)
        rows = [line.split() for line in tables[1].splitlines()[2:]]
        self.assertEqual(sorted(row[0] for row in rows), ["1", "2", "3"])
        self.assertEqual(rows[0][0], "2", "the spinner is not first")
        self.ask("top", status=2, message="coroctl: top needs a terminal, or --batch\n")

    @unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
    def test_the_screen(self):
        socket = f"coroshim-{self.process.pid}"

        def tmux(*arguments):
            return subprocess.run(
                ["tmux", "-L", socket, "-f", "/dev/null", *map(str, arguments)],
                env={**self.environment, "TERM": "xterm", "LC_ALL": "C.UTF-8"},
                capture_output=True, text=True, timeout=30, check=False,
            ).stdout

        def wait_for(pattern):
            for _ in range(200):
                screen = tmux("capture-pane", "-p")
                if re.search(pattern, screen):
                    return screen
                time.sleep(0.1)
            self.fail(f"no {pattern} on\n{screen}")

        self.addCleanup(tmux, "kill-server")
        tmux("new-session", "-d", "-x", 100, "-y", 24, self.copy("coroctl"), "top", "-p", self.process.pid, "-i", "0.2")
        wait_for(r"3 threads, .*\n.*\n +ID +CPU%(.*\n)+.*spinner")
        tmux("send-keys", "i")
        wait_for(r"sorted by id(.*\n)+ +1 .*\n +2 .*\n +3 ")
        tmux("send-keys", "Down")
        tmux("send-keys", "w")
        wait_for(r"Thread 2, innermost first:\n  #0  spinner \(steered\+0x[0-9a-f]+\)")
        tmux("send-keys", "f")
        tmux("send-keys", "sleep", "Enter")
        screen = wait_for(r"only sleep(.*\n)+Thread 3, innermost first:\n  #0 .*pause.*\n  #1  sleeper \(steered\+0x")
        self.assertNotRegex(screen, "steered +read")
        self.assertNotIn("Thread 2", screen)  # its stack is hidden with it
        tmux("send-keys", "f")
        tmux("send-keys", "nosuch", "Enter")
        screen = wait_for(r"only nosuch")
        self.assertNotIn("innermost first", screen)
        tmux("send-keys", "q")
        for _ in range(100):
            if not tmux("list-sessions"):
                return
            time.sleep(0.1)
        self.fail("q does not end the screen")
