"""coroctl latency around real threaded programs."""

import json
import time

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void *turns(void *ms)
{
    for (;;) {
        struct timespec begin, now;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        do
            clock_gettime(CLOCK_MONOTONIC, &now);
        while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000.0 < *(int *)ms);
        sched_yield();
    }
    return 0;
}

int main(int argc, char **argv)
{
    int ms = argc > 1 ? argv[1][0] - '0' : 1;
    pthread_t thread;
    char byte;
    pthread_create(&thread, 0, turns, &ms);
    pthread_create(&thread, 0, turns, &ms);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""


class Latency(Shimmed):
    def setUp(self):
        super().setUp()
        self.process = self.start(self.compile("turns", PROGRAM, "-w", "-pthread"), "2")

    def ask(self, *arguments, status=0, message=""):
        done = self.run_tool("coroctl", "latency", "-p", self.process.pid, *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertRegex(done.stderr, f"^{message}$")
        return done.stdout

    def figures(self, *arguments):
        return json.loads(self.ask("--json", *arguments))

    def wait_for_samples(self):
        deadline = time.monotonic() + 30
        while self.figures()["samples"] < 20 and time.monotonic() < deadline:
            time.sleep(0.05)

    def check(self, histogram):
        buckets = histogram["buckets"]
        self.assertEqual(sum(bucket["switches"] for bucket in buckets), histogram["switches"])
        for before, after in zip(buckets, buckets[1:]):
            self.assertLessEqual(before["below_ns"], after["from_ns"])
        quantiles = [histogram[f"{name}_ns"] for name in ("p50", "p90", "p99", "p99.9", "max")]
        self.assertEqual(quantiles, sorted(quantiles))
        self.assertEqual(quantiles[-1], buckets[-1]["below_ns"])

    def test_a_turn_lasts_as_long_as_the_program_makes_it(self):
        self.wait_for_samples()
        figures = self.figures()
        self.assertEqual((figures["schema"], figures["pid"]), (1, self.process.pid))
        self.check(figures["held"])
        self.check(figures["queued"])
        for figure in ("held", "queued"):
            self.assertGreaterEqual(figures[figure]["p90_ns"], 1_900_000)
        self.assertGreaterEqual(figures["held"]["mean_ns"], 1_000_000)
        self.assertEqual(figures["stall_ns"], 200_000_000)

    def test_the_figures_begin_anew(self):
        self.wait_for_samples()
        before = self.figures("--reset")
        self.assertLess(self.figures()["interval_ns"], before["interval_ns"])

    def test_intervals(self):
        self.wait_for_samples()
        lines = self.ask("-i", "0.3", "-n", 3, "--json").splitlines()
        self.assertEqual(len(lines), 3)
        for line in lines:
            figures = json.loads(line)
            self.assertGreaterEqual(figures["interval_ns"], 250_000_000)
            if figures["held"]["switches"]:
                self.check(figures["held"])

    def test_for_people(self):
        self.wait_for_samples()
        text = self.ask()
        self.assertRegex(text, r"(?m)^ +wait +turn$")
        self.assertRegex(text, r"(?m)^p99 +[0-9.]+ .s +[0-9.]+ .s$")
        self.assertRegex(text, r"(?m)^ +[0-9.]+ .s +[0-9.]+% #* +[0-9.]+% #+ *$")
        self.assertRegex(text, r"(?m)^\d+ samples of \d+ switches in .*; longest turn seen .*"
                               r"; \d+ stalls beyond 200 ms$")

    def test_columns(self):
        self.wait_for_samples()
        head, *rows = [line.split("\t") for line in self.ask("--plain").splitlines()]
        self.assertEqual(head, ["FIGURE", "FROM_NS", "BELOW_NS", "SWITCHES"])
        self.assertEqual({row[0] for row in rows}, {"queued", "held"})
        self.assertTrue(all(int(row[1]) < int(row[2]) and int(row[3]) > 0 for row in rows))

    def test_wrong_usage(self):
        self.ask("--json", "--plain", status=2, message=r"[^\0]*exclude each other[^\0]*")
        self.ask("-i", "x", status=2, message=r"[^\0]*not a time[^\0]*")


class Stalls(Shimmed):
    def test_a_thread_that_keeps_the_others_waiting_is_counted(self):
        program = self.compile("turns", PROGRAM.replace("* 1000 +", "* 1 +"), "-w", "-pthread")
        process = self.start(program, "9", options=["--slice=0", "--latency-warning=0.5"])
        deadline = time.monotonic() + 30
        figures = {"stalls": 0}
        while not figures["stalls"] and time.monotonic() < deadline:
            figures = json.loads(self.run_tool("coroctl", "latency", "-p", process.pid, "--json").stdout)
            time.sleep(0.1)
        self.assertGreater(figures["stalls"], 0)
        self.assertEqual(figures["stall_ns"], 100_000_000)
        self.assertGreaterEqual(figures["longest_held_ns"], 100_000_000)

    def test_who_has_slept_enough_is_seen_to_wait(self):
        program = self.compile(
            "hog",
            r"""
            #include <pthread.h>
            #include <stdio.h>
            #include <unistd.h>
            static void *nap(void *unused) { usleep(20000); return unused; }
            int main(void)
            {
                static volatile int for_ever = 1;
                pthread_t thread;
                pthread_create(&thread, NULL, nap, NULL);
                usleep(1000);
                puts("ready");
                fflush(stdout);
                while (for_ever)
                    ;
                return 0;
            }
            """,
            "-w",
            "-pthread",
        )
        process = self.start(program, options=["--slice=0"])
        deadline = time.monotonic() + 30
        text = ""
        while " over for " not in text and time.monotonic() < deadline:
            text = self.run_tool("coroctl", "list", "-p", process.pid).stdout
        self.assertRegex(text, r" parked .* sleep, over for \d")
        done = self.run_tool("coroctl", "list", "-p", process.pid, "--json")
        wait = json.loads(done.stdout)["threads"][1]["wait"]
        self.assertEqual((wait["on"], wait["left_ns"]), ("sleep", 0))
        self.assertGreater(wait["over_ns"], 0)
