"""Reports that a process makes of itself: latency warnings, crashes, dumps by signal."""

import re
import signal
import subprocess
import time

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile unsigned long turns;
static volatile int zero, quotient;
static volatile sig_atomic_t seen;

static void __attribute__((noinline)) burn(void)
{
    for (;;)
        turns++;
}

static int __attribute__((noinline)) overflow(int n)
{
    volatile char frame[512];

    memset((char *)frame, n, sizeof(frame));
    return overflow(n + 1) + frame[n % 512];
}

static void __attribute__((noinline)) fail(char how)
{
    switch (how) {
    case 'b': burn(); break;
    case 's': *(volatile int *)16 = 1; break;
    case 'a': abort(); break;
    case 'f': quotient = seen / zero; break;
    case 'i': __builtin_trap(); break;
    case 't': __asm__ volatile("int3"); break;
    case 'o': case 'h': overflow(0); break;
    }
}

static void *worker(void *how)
{
    if (strchr("zmO", *(char *)how))
        sleep(1000);
    fail(*(char *)how);
    return NULL;
}

static void handler(int number)
{
    seen = number;
}

int main(int argc, char *argv[])
{
    sigset_t all;
    pthread_t thread, other;
    char byte;

    signal(SIGUSR2, handler);
    if (argv[1][0] == 'm') {
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    }
    if (argv[1][0] == 'h') /* without an alternate stack it is of no use */
        signal(SIGSEGV, handler);
    pthread_create(&other, NULL, worker, "z");
    pthread_create(&thread, NULL, worker, argv[1]);
    pthread_setname_np(thread, "faulty");
    usleep(50000);
    puts("ready");
    fflush(stdout);
    if (argv[1][0] == 'O')
        overflow(0);
    ssize_t got = read(0, &byte, 1);
    printf("%zd %d\n", got, (int)seen);
    fflush(stdout);
    _exit(0);
}
"""


class Reports(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile(
            "failing", PROGRAM, "-g", "-O1", "-pthread", "-fno-optimize-sibling-calls", "-w"
        )
        self.copy("coroctl")

    def run_failing(self, how, *options):
        """Runs the program to its end; the result has returncode and stderr."""
        return subprocess.run(
            [self.copy("corun"), *options, "--", self.program, how],
            env=self.environment,
            user=self.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    def log_after(self, wanted, process, log):
        """What @log holds once it holds a match of @wanted."""
        for _ in range(600):
            text = log.read_text() if log.exists() else ""
            if re.search(wanted, text):
                return text
            self.assertIsNone(process.poll())
            time.sleep(0.05)
        self.fail(f"no {wanted} in:\n{text}")
        return ""

    def log_file(self):
        log = self.folder / "log"
        log.touch(0o666)
        log.chmod(0o666)
        return log

    def test_crashes_are_silent_by_default(self):
        for how, number in (("s", signal.SIGSEGV), ("a", signal.SIGABRT)):
            done = self.run_failing(how)
            self.assertEqual((done.returncode, done.stderr), (-number, ""))

    def test_a_crash_names_the_thread_and_where_it_is(self):
        for how, number, what in (
            ("s", signal.SIGSEGV, r"SIGSEGV, address 0x10"),
            ("a", signal.SIGABRT, r"SIGABRT"),
            ("f", signal.SIGFPE, r"SIGFPE, address 0x[0-9a-f]+"),
            ("i", signal.SIGILL, r"SIGILL, address 0x[0-9a-f]+"),
            ("t", signal.SIGTRAP, r"SIGTRAP, address 0x[0-9a-f]+"),
        ):
            with self.subTest(what):
                done = self.run_failing(how, "--crash-report")
                self.assertEqual(done.returncode, -number, done.stderr)
                self.assertRegex(
                    done.stderr,
                    rf"^coroshim\[\d+\]: thread 3 \(faulty\) ends the process: {what}\n"
                    r"coroshim\[\d+\]: thread 3 \(faulty\) is at (\[[^]]*\] )*?"
                    r"\[[^ ]* fail\|\d+\] \[[^ ]* worker\|\d+\] (\[[^]]*\] ?)*\n$",
                )

    def test_an_overflow_is_reported_unasked(self):
        for how, thread in (("o", r"thread 3 \(faulty\)"), ("O", r"thread 1 \(failing\)"), ("h", r"thread 3 \(\w+\)")):
            for options in ((), ("--crash-report",)):
                with self.subTest(how=how, options=options):
                    done = self.run_failing(how, *options)
                    self.assertEqual(done.returncode, -signal.SIGSEGV, done.stderr)
                    self.assertRegex(
                        done.stderr,
                        rf"^coroshim\[\d+\]: {thread} has overflowed its stack of \d+ KiB and ends the process: SIGSEGV\n"
                        rf"coroshim\[\d+\]: {thread} is at .*\[[^ ]* overflow\|\d+\] x \d+.*\n$",
                    )

    def test_without_coroctl_the_report_says_so(self):
        (self.folder / "coroctl").unlink()
        done = self.run_failing("s", "--crash-report")
        self.assertEqual(done.returncode, -signal.SIGSEGV)
        self.assertRegex(done.stderr, r"^coroshim.* SIGSEGV, address 0x10\ncoroshim.*: stack unavailable: .*\n$")

    def test_a_latency_warning_has_the_stack_while_it_lasts(self):
        log = self.log_file()
        process = self.start(
            self.program, "b", options=["--slice=0", "--latency-warning=1", f"--log-file={log}"], ready=False
        )
        text = self.log_after(r" is at .*\n", process, log)
        self.assertRegex(text, r"thread 3 \(\w+\) has held the carrier for \d+ ms, (at least \d+ waiting|nobody known to wait)\n")
        self.assertRegex(text, r"thread 3 \(\w+\) is at \[[^ ]* burn\|\d+\] \[[^ ]* fail\|\d+\]")

    def test_a_signal_dumps_all_threads_unseen_by_the_program(self):
        for how in ("z", "m"):  # m: all threads block all signals
            with self.subTest(how):
                log = self.log_file()
                log.write_text("")
                options = ["--dump-signal=USR2", f"--log-file={log}"]
                process = self.start(self.program, how, options=options)
                process.send_signal(signal.SIGUSR2)
                text = self.log_after(r"thread 3 .*\n", process, log)
                self.assertEqual(text.count("\n"), 3, text)
                for line in text.splitlines():
                    self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 0 coroshim\[\d+\]: thread ")
                self.assertRegex(text, r"thread 1 \(failing\): parked on read .* at .*\[[^ ]* main\|\d+\]")
                self.assertRegex(text, r"thread 2 \(failing\): parked on sleep.* at .*\[[^ ]* worker\|\d+\]")
                process.stdin.close()
                self.assertEqual(process.stdout.readline(), "0 0\n")
                self.assertEqual(process.wait(), 0)

    def test_a_report_is_no_child_of_the_programs(self):
        program = self.compile(
            "waiting",
            r"""
            #include <errno.h>
            #include <pthread.h>
            #include <stdio.h>
            #include <sys/wait.h>
            #include <unistd.h>
            static void *idle(void *argument) { sleep(1000); return argument; }
            int main(void)
            {
                pthread_t thread;
                pthread_create(&thread, NULL, idle, NULL);
                puts("ready");
                fflush(stdout);
                for (int i = 0; i < 200; i++) {
                    if (wait(NULL) != -1 || errno != ECHILD) {
                        puts("a child");
                        return 1;
                    }
                    usleep(10000);
                }
                return 0;
            }
            """,
            "-pthread",
        )
        log = self.log_file()
        process = self.start(program, options=["--dump-signal=12", f"--log-file={log}"])
        process.send_signal(signal.SIGUSR2)
        self.log_after(r"thread 2 .*\n", process, log)
        self.assertEqual(process.wait(), 0)

    def test_signals_that_cannot_be_had(self):
        for value in ("SEGV", "KILL", "33", "0x", "65", "NONE"):
            with self.subTest(value):
                done = self.run_tool("corun", f"--dump-signal={value}", "--", "true")
                self.assertIn("not a signal that can be had", done.stderr)
