"""What coroctl shows of threads that wait in calls of coro.h."""

import json
import time

import place
from place import Shimmed

PROGRAM = r"""
#include <coro.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static coro_id one, other;

static void join(const coro_id *id)
{
    coro_join(*id, CORO_FOREVER, NULL);
}

static void nothing(void)
{
}

static void tick(void)
{
    sleep(1000);
}

static void stop(struct coro_task *task)
{
    coro_task_stop(task, 0);
}

static void until_happened(uintptr_t ident, int filter)
{
    coro_wait_for(ident, filter, 0, CORO_FOREVER, NULL);
}

/* Two that were not started, and one that was after all. */
static void leave_unstarted(void)
{
    coro_id id = coro_new("begins", tick, "v()");

    coro_new("new", tick, "v()");
    coro_shutdown(coro_new("gone", tick, "v()"));
    coro_raise(coro_new("raised", tick, "v()"), 5);
    coro_start(id);
}

int main(int argc, char *argv[])
{
    int ring = !strcmp(argv[1], "ring");

    if (!strcmp(argv[1], "new")) {
        leave_unstarted();
        usleep(20000);
        puts("ready");
        fflush(stdout);
        pause();
    }

    one = coro_new("one", join, "v(p)", &other);
    other = coro_new("other", join, "v(p)", &one);
    coro_start(one);
    coro_start(other);
    if (!ring) {
        coro_spawn("user", until_happened, "v(Qi)", 0x1234UL, CORO_USER);
        coro_spawn("signal", until_happened, "v(Qi)", (unsigned long)SIGUSR2, CORO_SIGNAL);
        coro_spawn("timer", until_happened, "v(Qi)", 1000000UL, CORO_TIMER);
        coro_spawn("process", until_happened, "v(Qi)", (unsigned long)getppid(), CORO_PROC);
        struct coro_task *task = coro_loop(tick, "v()");
        usleep(20000);
        coro_spawn("stopper", stop, "v(p)", task);
        coro_interval(1000, 0, nothing, "v()");
    }
    usleep(50000);
    puts("ready");
    fflush(stdout);
    if (ring)
        coro_join(coro_spawn("user", until_happened, "v(Qi)", 0x1234UL, CORO_USER), CORO_FOREVER, NULL);
    pause();
}
"""


class ApiWaits(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile(
            "waiting", PROGRAM, f"-I{place.BUILD}/include", "-DCORO_WEAK", "-g", "-pthread", "-w"
        )
        self.copy("coroctl")

    def waits(self, process):
        """The "wait" of each thread by its name, once all are parked."""
        for _ in range(200):
            done = self.run_tool("coroctl", "list", "--json", "-p", process.pid)
            threads = {thread["name"]: thread for thread in json.loads(done.stdout)["threads"]}
            if all(thread["state"] == "parked" for thread in threads.values()):
                return {name: {**thread["wait"], "id": thread["id"]} for name, thread in threads.items()}
            time.sleep(0.05)
        self.fail(done.stdout)
        return {}

    def test_waits_have_names(self):
        process = self.start(self.program, "all")
        waits = self.waits(process)
        kinds = {name: wait["on"] for name, wait in waits.items()}
        self.assertEqual(
            kinds,
            {
                "waiting": "signal",
                "one": "join",
                "other": "join",
                "user": "user_event",
                "signal": "signal",
                "timer": "sleep",
                "process": "child",
                "loop": "sleep",
                "stopper": "join",
                "interval": "sleep",
            },
        )
        self.assertEqual(waits["one"]["owner_id"], waits["other"]["id"])
        self.assertEqual(waits["other"]["owner_id"], waits["one"]["id"])
        self.assertEqual(waits["stopper"]["owner_id"], waits["loop"]["id"])
        self.assertEqual(waits["user"]["address"], "0x1234")
        text = self.run_tool("coroctl", "list", "-p", process.pid).stdout
        self.assertRegex(text, rf" one +parked .* join of {waits['other']['id']} \(\d+\) ")
        self.assertRegex(text, r" user +parked .* user event 0x1234 ")

    def test_threads_that_were_not_started(self):
        process = self.start(self.program, "new")
        done = self.run_tool("coroctl", "list", "--json", "-p", process.pid)
        threads = {thread["name"]: thread for thread in json.loads(done.stdout)["threads"]}
        self.assertEqual({*threads}, {"waiting", "new", "begins"})
        self.assertEqual(threads["begins"]["state"], "parked")
        new = threads["new"]
        self.assertEqual((new["state"], new["creator_id"]), ("new", 1))
        self.assertNotIn("tid", new)
        self.assertNotIn("wait", new)
        text = self.run_tool("coroctl", "list", "-p", process.pid).stdout
        self.assertRegex(text, rf"\n *{new['id']} +- +new +new +\d.*s  - ")
        text = self.run_tool("coroctl", "where", "-p", process.pid).stdout
        self.assertNotIn(f"thread {new['id']} ", text)

    def test_joins_of_each_other_are_a_deadlock(self):
        process = self.start(self.program, "all")
        waits = self.waits(process)
        done = self.run_tool("coroctl", "deadlock", "-p", process.pid)
        self.assertEqual(done.returncode, 6, done.stdout)
        for name in ("one", "other"):
            owner = waits[name]["owner_id"]
            self.assertRegex(done.stdout, rf"waits for thread {owner}: parked on join of {owner} \(\d+\) for ")

    def test_the_program_says_so_itself(self):
        log = self.folder / "log"
        log.touch()
        log.chmod(0o666)
        process = self.start(self.program, "ring", options=[f"--log-file={log}"])
        for _ in range(600):
            if log.read_text().count("\n") >= 3:
                break
            time.sleep(0.05)
        lines = log.read_text().splitlines()
        self.assertIsNone(process.poll())
        self.assertRegex(lines[0], r"\]: deadlock: no thread of 4 can go on, since 2 wait for each other$")
        self.assertRegex(lines[1], r"thread \d+ \(one\) is parked on join of \d+ ")
        self.assertRegex(lines[2], r"thread \d+ \(other\) is parked on join of \d+ ")
