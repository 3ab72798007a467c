"""coroctl trace and the probes, around real programs."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

import place
from place import Shimmed
from trace_format import Trace

PROGRAM = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int to_reader[2];
static volatile int quiet;

static void *reader(void *unused)
{
    char byte;
    pthread_setname_np(pthread_self(), "reader");
    while (read(to_reader[0], &byte, 1) == 1)
        ;
    return unused;
}

static void *locker(void *unused)
{
    pthread_setname_np(pthread_self(), "locker");
    for (;;) {
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        usleep(100);
    }
    return unused;
}

static void *spinner(void *unused)
{
    pthread_setname_np(pthread_self(), "spin\"ner\\");
    while (!quiet)
        ;
    return unused;
}

static void *short_lived(void *unused)
{
    pthread_setname_np(pthread_self(), "short-lived");
    close(-1);
    return unused;
}

static void *parked(void *unused)
{
    pthread_setname_np(pthread_self(), "parked");
    eventfd_t value;
    eventfd_read(*(int *)unused, &value);
    return unused;
}

static void *yielder(void *unused)
{
    for (;;)
        sched_yield();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int event = eventfd(0, 0), file = fileno(tmpfile());
    pipe(to_reader);
    if (argc > 1 && !strcmp(argv[1], "flood")) {
        char byte;
        pthread_create(&thread, NULL, parked, &event);
        puts("ready");
        fflush(stdout);
        read(0, &byte, 1);
        pthread_create(&thread, NULL, yielder, NULL);
        yielder(NULL);
    }
    pthread_create(&thread, NULL, reader, NULL);
    pthread_create(&thread, NULL, locker, NULL);
    pthread_create(&thread, NULL, spinner, NULL);
    pthread_create(&thread, NULL, parked, &event);
    usleep(50000); /* all others have had their turn */
    puts("ready");
    fflush(stdout);
    for (int turn = 0; argc < 2 || turn < atoi(argv[1]); turn++) {
        pthread_mutex_lock(&mutex);
        usleep(2000);
        pthread_mutex_unlock(&mutex);
        write(to_reader[1], "x", 1);
        write(file, "x", 1);
        fsync(file);
        pthread_create(&thread, NULL, short_lived, NULL);
        pthread_join(thread, NULL);
    }
    return 0;
}
"""

POOL = """
import concurrent.futures, sys, time
def job(number):
    time.sleep(0.001)
    return sum(range(number))
with concurrent.futures.ThreadPoolExecutor(8, "pool") as pool:
    list(pool.map(job, range(8)))
    print("ready", flush=True)
    for _ in range(int(sys.argv[1])):
        assert list(pool.map(job, range(50))) == [sum(range(number)) for number in range(50)]
"""


class Traced(Shimmed):
    def command(self, process, *arguments, seconds=0.5, output="trace.json"):
        self.runtime.parent.chmod(0o777)
        return self.run_tool("coroctl", "trace", "-p", process.pid, "-o", self.folder / output,
                             "--time", seconds, *arguments)

    def trace(self, process, **options):
        done = self.command(process, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"trace\.json: \d+ events of \d+ threads in [0-9.]+ s"
                                      r"(, \d+ more were lost)?(; then the program ended)?\n$")
        return Trace(self.folder / "trace.json")


class Trace_(Traced):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o777)
        self.program = self.compile("traced", PROGRAM, "-w", "-pthread")

    def run_program(self, *arguments):
        return self.start(self.program, *arguments, options=["--slice=1ms"])

    def test_everything_that_threads_do(self):
        process = self.run_program()
        trace = self.trace(process, seconds=1)
        self.assertEqual(trace.process, "traced")
        self.assertEqual(trace.other["lost"], 0)
        main, reader, locker = 1, trace.thread("reader"), trace.thread("locker")
        spinner = trace.thread('spin"ner\\')
        # Calls, with their descriptors and results.
        self.assertIn(1, {call["result"] for call in trace.called(reader, "read")})
        writes = trace.called(main, "write")
        self.assertEqual({call["result"] for call in writes}, {1})
        self.assertEqual(len({call["fd"] for call in writes}), 2)
        bad = [call["args"] for call in trace.calls if call["name"] == "close"]
        self.assertTrue(bad)
        for call in bad:
            self.assertEqual(call, {"fd": -1, "result": -9, "error": "EBADF"})
        # Waits, and who ends them.
        self.assertTrue(any(slice["tid"] == reader and re.fullmatch(r"parked: read fd \d+", slice["name"]) and
                            slice["args"].get("call") == "read" for slice in trace.of("parked")))
        mutexes = [slice for slice in trace.of("parked", "parked: mutex") if slice["tid"] == locker]
        self.assertTrue(mutexes)
        self.assertTrue(all(slice["args"]["address"].startswith("0x") for slice in mutexes))
        self.assertIn(("wake", main, locker), trace.arrows)
        self.assertIn(("wake", main, reader), trace.arrows)
        self.assertTrue(any(slice["args"].get("woken_by") == "poll" for slice in trace.of("runnable")))
        self.assertTrue(trace.of("parked", "parked: sleep"))
        # Threads that come and go.
        short = sorted(tid for tid, name in trace.names.items() if name == "short-lived")
        self.assertGreater(len(short), 3)
        self.assertTrue({("create", main, tid) for tid in short[1:-1]} <= set(trace.arrows))
        self.assertTrue({mark["tid"] for mark in trace.marked("exit")} >= set(short[1:-1]))
        # Who never does anything is there all the time.
        still = [slice for slice in trace.slices if slice["tid"] == trace.thread("parked")]
        self.assertEqual([slice["cat"] for slice in still], ["parked"])
        self.assertEqual(still[0]["ts"], 0)
        # Preemption and helpers.
        self.assertTrue(any(mark["tid"] == spinner and "pc" in mark["args"] for mark in trace.marked("preempted")))
        self.assertIn("fsync", {call["name"] for call in trace.asynchronous})
        self.assertTrue(trace.of("parked", "parked: fsync on a helper"))

    def test_one_thread_runs_at_a_time(self):
        trace = self.trace(self.run_program())
        running = sorted((slice["ts"], slice["end"]) for slice in trace.of("running"))
        self.assertGreater(len(running), 10)
        for (_, end), (start, _) in zip(running, running[1:]):
            self.assertLessEqual(end, start + 0.001)

    def test_a_program_that_ends(self):
        process = self.run_program("20")
        done = self.command(process, seconds=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, "; then the program ended\n$")
        self.assertTrue(Trace(self.folder / "trace.json").slices)
        self.assertEqual(process.wait(timeout=30), 0)

    def test_a_reader_too_slow_knows_that_events_are_lost(self):
        process = self.run_program("flood")
        tracer, _ = self.tracer(process)
        tracer.send_signal(signal.SIGSTOP)
        process.stdin.write("x")
        process.stdin.flush()
        time.sleep(0.5)
        tracer.send_signal(signal.SIGINT)
        tracer.send_signal(signal.SIGCONT)
        output, messages = tracer.communicate(timeout=60)
        self.assertEqual((tracer.returncode, messages), (0, ""))
        self.assertRegex(output, r", \d+ more were lost")
        trace = Trace(self.folder / "trace.json")
        self.assertGreater(trace.other["lost"], 0)
        self.assertTrue(trace.of("running"))

    def tracer(self, process):
        """A coroctl that traces until it is told to end, and what a second one says meanwhile."""
        for _ in range(20):
            tracer = subprocess.Popen(
                [self.copy("coroctl"), "trace", "-p", str(process.pid), "-o", self.folder / "trace.json",
                 "--time", "600"],
                env=self.environment, user=self.user, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(tracer.communicate)
            self.addCleanup(tracer.kill)
            time.sleep(0.2)
            second = self.command(process, seconds=0.01, output="other.json")
            if second.returncode and tracer.poll() is None:
                return tracer, second
            tracer.kill()  # too early, or the second one was the first
        self.fail("the trace never began")

    def test_an_interrupt_ends_it(self):
        process = self.run_program()
        tracer, done = self.tracer(process)
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"coroctl: process {process.pid} refuses: another trace is on\n"))
        tracer.send_signal(signal.SIGINT)
        output, messages = tracer.communicate(timeout=60)
        self.assertEqual((tracer.returncode, messages), (0, ""))
        self.assertRegex(output, "^.*trace.json: ")
        self.assertTrue(Trace(self.folder / "trace.json").slices)

    def test_a_killed_tracer_ends_it(self):
        process = self.run_program()
        tracer, _ = self.tracer(process)
        tracer.kill()
        deadline = time.monotonic() + 30
        while self.command(process, seconds=0.05).returncode and time.monotonic() < deadline:
            pass
        self.assertTrue(Trace(self.folder / "trace.json").slices)

    def test_wrong_usage(self):
        process = self.run_program()
        for arguments, status, message in (
            ([], 2, "coroctl: trace needs -o FILE.json\n"),
            (["-o", "/nowhere/x", "--time", "0.05"], 1, "coroctl: /nowhere/x: No such file or directory\n"),
        ):
            done = self.run_tool("coroctl", "trace", "-p", process.pid, *arguments)
            self.assertEqual((done.returncode, done.stderr), (status, message))


class Programs(Traced):
    def test_a_thread_pool_in_python(self):
        script = self.write("pool.py", POOL)
        process = self.start("/usr/bin/python3", script, "20")
        trace = self.trace(process, seconds=60)
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertGreater(len(trace.of("running")), 100)
        self.assertTrue(trace.of("parked", "parked: sleep"))
        self.assertTrue(trace.arrows)

    @unittest.skipUnless(shutil.which("memcached"), "memcached is not installed")
    def test_memcached(self):
        port = self.free_port()
        user = ["-u", "nobody"] if place.ROOT else []
        process = subprocess.Popen(
            [self.copy("corun"), "--", "memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", *user],
            env=self.environment, user=self.user)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        stop = threading.Event()
        loads = [threading.Thread(target=self.load, args=(port, stop)) for _ in range(3)]
        for load in loads:
            load.start()
        self.addCleanup(lambda: (stop.set(), [load.join() for load in loads]))
        deadline = time.monotonic() + 30
        while self.run_tool("coroctl", "list", "-p", process.pid).returncode and time.monotonic() < deadline:
            time.sleep(0.05)
        trace = self.trace(process, seconds=1)
        sent = [call for call in trace.calls if call["name"] in ("sendmsg", "sendto")]
        self.assertTrue(any(call["args"]["result"] > 0 for call in sent))
        self.assertEqual(trace.process, "memcached")

    @staticmethod
    def free_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    @staticmethod
    def load(port, stop):
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=10) as server:
                    for number in range(100):
                        server.sendall(b"set key%d 0 0 5\r\nvalue\r\nget key%d\r\n" % (number, number))
                        answer = b""
                        while not answer.endswith(b"END\r\n"):
                            answer += server.recv(4096)
            except OSError:
                time.sleep(0.05)


PROBES = ["create", "exit", "offload", "park", "preempt", "stall", "wake"]


class Probes(Shimmed):
    """Only where sys/sdt.h was there at build time."""

    def setUp(self):
        super().setUp()
        self.library = place.BUILD / "libcoroshim.so"
        self.notes = subprocess.run(["readelf", "-nW", self.library], capture_output=True, text=True,
                                    env={**os.environ, "LC_ALL": "C"}, check=True).stdout
        if not pathlib.Path("/usr/include/x86_64-linux-gnu/sys/sdt.h").exists() and \
                not pathlib.Path("/usr/include/sys/sdt.h").exists():
            self.skipTest("sys/sdt.h is not installed")

    def test_each_is_there_with_its_arguments(self):
        found = re.findall(r"Provider: coroshim\s+Name: (\w+)\s+Location: .*\s+Arguments: (.*)", self.notes)
        self.assertEqual(sorted({name for name, _ in found}), PROBES)
        count = {"create": 2, "exit": 1, "offload": 2, "park": 3, "preempt": 2, "stall": 3, "wake": 2}
        for name, arguments in found:
            self.assertEqual(len(arguments.split()), count[name], name)

    @unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
    def test_a_debugger_stops_at_them(self):
        program = self.compile("one", r"""
#include <pthread.h>
#include <unistd.h>
static void *wait(void *unused) { usleep(1000); return unused; }
int main(void) { pthread_t t; pthread_create(&t, 0, wait, 0); return pthread_join(t, 0); }
""", "-w", "-pthread")
        commands = ["set breakpoint pending on", "set debuginfod enabled off", "set pagination off",
                    "handle SIG33 SIGSYS nostop noprint pass",
                    f"set exec-wrapper env LD_PRELOAD={self.library}"]
        for probe in ("create", "park", "wake", "exit"):
            commands += [f"break -probe-stap coroshim:{probe}", "commands", "silent",
                         f'printf "{probe} %d\\n", (int)$_probe_arg0', "continue", "end"]
        commands += ["run", "quit"]
        # Commands of breakpoints continue by themselves: a file of commands is read line by line.
        script = self.write("gdb", "\n".join(commands) + "\n")
        done = subprocess.run(["gdb", "-q", "-nx", "-batch", "-x", script, program], capture_output=True,
                              text=True, timeout=120, stdin=subprocess.DEVNULL, check=False, env=self.environment)
        if "ptrace" in done.stderr and "not permitted" in done.stderr:
            self.skipTest("no ptrace here")
        hits = re.findall(r"^(create|park|wake|exit) (\d+)$", done.stdout, re.M)
        self.assertEqual(hits[:1], [("create", "2")], done.stdout + done.stderr)
        self.assertIn(("park", "1"), hits)
        self.assertIn(("wake", "1"), hits)
        self.assertIn(("exit", "2"), hits)
