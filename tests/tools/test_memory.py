"""coroctl around processes that can't answer: stopped ones, and core files."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import place
import test_api_waits
from test_where import PROGRAM

CRASHES = r"""
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void write_to(int *place)
{
    *place = 1;
}

static void *crashes(void *argument)
{
    usleep(100000);
    write_to(argument);
    return argument;
}

static void *aborts(void *argument)
{
    usleep(100000);
    abort();
    return argument;
}

static void *sleeps(void *argument)
{
    sleep(1000);
    return argument;
}

int main(int argc, char *argv[])
{
    pthread_t thread;

    (void)argv;
    pthread_create(&thread, NULL, sleeps, NULL);
    pthread_create(&thread, NULL, argc > 1 ? aborts : crashes, (void *)8);
    pthread_join(thread, NULL);
    return 0;
}
"""


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Dead(place.Shimmed):
    """Processes that are stopped or crash, and what coroctl says of them."""

    def functions(self, *arguments):
        done = self.run_tool("coroctl", "where", "--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {
            thread["id"]: [frame.get("function") for frame in thread["frames"]]
            for thread in json.loads(done.stdout)["threads"]
        }

    def stopped(self, process):
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        stat = pathlib.Path(f"/proc/{process.pid}/stat")
        deadline = time.monotonic() + 20
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return process

    def crash(self, *arguments):
        """A program that leaves a core, natively and under the shim: the shim's core and the program."""
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
        if pattern[0] in "|/" or "%" in pattern:
            self.skipTest(f"core files go to {pattern}")
        program = self.compile("crashes", CRASHES, "-g", "-O0", "-pthread")
        ends = []
        for start in ([program], [self.copy("corun"), "--", program]):
            for old in self.runtime.glob(pattern + "*"):
                old.unlink()
            process = subprocess.Popen([*start, *arguments], env=self.environment, user=self.user, cwd=self.runtime,
                                       stderr=subprocess.DEVNULL, preexec_fn=allow_cores)
            status = os.waitpid(process.pid, 0)[1]
            process.returncode = status
            ends.append((os.WTERMSIG(status), os.WCOREDUMP(status)))
        self.assertEqual(ends[0], ends[1])
        cores = list(self.runtime.glob(pattern + "*"))
        if not cores or not ends[0][1]:
            self.skipTest("no core file came")
        return cores[0], ends[0][0]


def starts_none(test):
    """A program with threads that were made and not started; `test` starts it."""
    test.copy("coroctl")
    program = test.compile("waiting", test_api_waits.PROGRAM, f"-I{place.BUILD}/include", "-DCORO_WEAK", "-pthread", "-w")
    return test.start(program, "new")


class Memory(Dead):
    def compile_where(self):
        return self.compile("stacks", PROGRAM, "-g", "-O1", "-pthread", "-fno-optimize-sibling-calls", "-w")

    def test_a_stopped_process(self):
        process = self.start(self.compile_where(), "zz12")
        before = self.functions("-p", process.pid)
        self.assertEqual(len(before), 5)
        self.stopped(process)
        self.assertEqual(self.functions("-p", process.pid), before)
        self.assertEqual(self.functions("-p", process.pid, "2"), {2: before[2]})
        done = self.run_tool("coroctl", "deadlock", "-p", process.pid)
        self.assertEqual((done.returncode, done.stderr), (6, ""))
        done = self.run_tool("coroctl", "deadlock", "--json", "-p", process.pid)
        cycle = json.loads(done.stdout)["deadlocks"][0]
        self.assertEqual([[frame.get("function") for frame in member["frames"]] for member in cycle],
                         [before[member["id"]] for member in cycle])
        done = self.run_tool("coroctl", "list", "--plain", "-p", process.pid)
        self.assertEqual(len(done.stdout.splitlines()), 6)
        done = self.run_tool("coroctl", "stat", "-p", process.pid)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, rf"^coroctl: process {process.pid}, which is stopped: it can't be asked for that")
        process.send_signal(signal.SIGCONT)
        self.assertEqual(self.functions("-p", process.pid), before)

    def test_a_stopped_process_that_computes(self):
        process = self.stopped(self.start(self.compile_where(), "zs"))
        frames = self.functions("-p", process.pid)
        self.assertEqual(frames[2][:2], ["sleep", "sleep_below"])
        self.assertIn("spinner", frames[3])

    def listed(self, *arguments):
        """{id: (name, state, creator, on what it waits)} of coroctl list, and the ids and frames of coroctl where."""
        done = self.run_tool("coroctl", "list", "--json", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {
            thread["id"]: (thread["name"], thread["state"], thread.get("creator_id"), thread.get("wait", {}).get("on"))
            for thread in json.loads(done.stdout)["threads"]
        }, self.functions(*arguments)

    def test_threads_that_were_not_started(self):
        process = starts_none(self)
        before = self.listed("-p", process.pid)
        self.assertEqual([name for name, state, *_ in before[0].values() if state == "new"], ["new"])
        self.stopped(process)
        self.assertEqual(self.listed("-p", process.pid), before)
        text = self.run_tool("coroctl", "list", "-p", process.pid).stdout
        self.assertRegex(text, r"\n *\d+ +- +new +new +\d.*s  - ")
        only = self.run_tool("coroctl", "where", "-p", process.pid, max(before[0]))
        process.send_signal(signal.SIGCONT)
        live = self.run_tool("coroctl", "where", "-p", process.pid, max(before[0]))
        self.assertEqual((only.returncode, only.stdout, only.stderr), (live.returncode, live.stdout, live.stderr))

    def test_a_release_that_does_not_tell_of_threads_not_started(self):
        library = self.folder / "libcoroshim.so"
        content = library.read_bytes()
        self.assertEqual(content.count(b"unstarted.link\0"), 1)
        library.write_bytes(content.replace(b"unstarted.link\0", b"unstarted.lost\0"))
        process = starts_none(self)
        threads, _ = self.listed("-p", process.pid)
        self.stopped(process)
        started = {thread: what for thread, what in threads.items() if what[1] != "new"}
        self.assertEqual(self.listed("-p", process.pid)[0], started)
        self.assertEqual(len(started), len(threads) - 1)

    def test_a_stripped_library(self):
        subprocess.run(["strip", self.folder / "libcoroshim.so"], check=True)
        process = self.start(self.compile_where(), "zss")
        before = self.functions("-p", process.pid)
        self.assertEqual(before[2][:2], ["sleep", "sleep_below"])
        self.stopped(process)
        frames = self.functions("-p", process.pid)
        self.assertEqual(frames[2], before[2])
        for thread in (3, 4):  # one of them was preempted
            self.assertIn("spinner", before[thread])
            self.assertIn("spinner", frames[thread])

    def test_a_core_of_a_fault(self):
        core, ended = self.crash()
        self.assertEqual(ended, signal.SIGSEGV)
        frames = self.functions("--core", core)
        self.assertEqual(sorted(frames), [1, 2, 3])
        self.assertEqual(frames[2][:2], ["sleep", "sleeps"])
        self.assertEqual(frames[3][:2], ["write_to", "crashes"])
        self.assertIn("main", frames[1])
        done = self.run_tool("coroctl", "list", "--core", core)
        self.assertRegex(done.stdout, r"(?m)^ *3 +\d+ +crashes +running ")
        self.assertRegex(done.stdout, r"(?m)^ *2 +\d+ +crashes +parked .*sleep, .* left")
        done = self.run_tool("coroctl", "deadlock", "--core", core)
        self.assertEqual((done.returncode, done.stdout), (0, "no deadlock among 3 threads\n"))
        for arguments, member in ((["deadlock"], "deadlocks"), (["list"], "threads"), (["where", "--group"], "groups")):
            done = self.run_tool("coroctl", *arguments, "--json", "--core", core)
            document = json.loads(done.stdout)
            self.assertEqual((document["schema"], document["pid"]), (1, 0))
            self.assertIn(member, document)

    def test_a_core_of_an_abort(self):
        core, ended = self.crash("abort")
        self.assertEqual(ended, signal.SIGABRT)
        frames = self.functions("--core", core)
        self.assertEqual(frames[2][:2], ["sleep", "sleeps"])
        self.assertIn("aborts", frames[3])

    def test_a_truncated_core(self):
        core, _ = self.crash()
        whole = core.read_bytes()
        for part in (len(whole) // 50, 1000):
            core = self.write("cut", whole[:part], 0o644)
            done = self.run_tool("coroctl", "where", "--core", core)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^coroctl: core file {core} is truncated: {part} of \d+ bytes are there\n")
            self.assertNotIn("no coroshim in it", done.stderr)

    def test_cores_that_are_none(self):
        other = self.write("other", "nothing of the kind", 0o644)
        for path, message in ((other, "is not a core file"), (self.folder / "none", "No such file")):
            done = self.run_tool("coroctl", "where", "--core", path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^coroctl: {re.escape(str(path))}:? {message}")
