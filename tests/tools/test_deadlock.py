"""coroctl deadlock, and the report that a deadlocked process makes of itself."""

import json
import signal
import time

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t third = PTHREAD_RWLOCK_INITIALIZER, fourth = PTHREAD_RWLOCK_INITIALIZER;
static sem_t empty;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static pthread_t one, other;
static int ends[2];

static void __attribute__((noinline)) take_first(void)
{
    pthread_mutex_lock(&first);
}

static void *first_then_second(void *argument)
{
    take_first();
    usleep(20000);
    pthread_mutex_lock(&second);
    return argument;
}

static void *second_then_first(void *argument)
{
    pthread_mutex_lock(&second);
    usleep(20000);
    pthread_mutex_lock(&first);
    return argument;
}

static void *write_then_read(void *argument)
{
    pthread_rwlock_wrlock(&third);
    usleep(20000);
    pthread_rwlock_rdlock(&fourth);
    return argument;
}

static void *write_then_write(void *argument)
{
    pthread_rwlock_wrlock(&fourth);
    usleep(20000);
    pthread_rwlock_wrlock(&third);
    return argument;
}

static void *join_other(void *argument)
{
    usleep(20000);
    pthread_join(other, NULL);
    return argument;
}

static void *join_one(void *argument)
{
    usleep(20000);
    pthread_join(one, NULL);
    return argument;
}

/* Holds the mutex and joins a thread that wants it. */
static void *hold_and_join(void *argument)
{
    pthread_mutex_lock(&first);
    usleep(20000);
    pthread_join(other, NULL);
    return argument;
}

static void *want_first(void *argument)
{
    usleep(10000);
    pthread_mutex_lock(&first);
    return argument;
}

static void *read_and_keep(void *argument)
{
    pthread_rwlock_rdlock(&third);
    sem_wait(&empty);
    return argument;
}

static void *want_to_write(void *argument)
{
    usleep(10000);
    pthread_rwlock_wrlock(&third);
    return argument;
}

static void *lock_twice(void *argument)
{
    pthread_mutex_lock(&first);
    pthread_mutex_lock(&first);
    return argument;
}

static void *end(void *argument)
{
    return argument;
}

static void *wait_then_post(void *argument)
{
    sem_wait(&empty);
    sem_post(&empty);
    return argument;
}

static void *wait_for_news(void *argument)
{
    pthread_mutex_lock(&first);
    pthread_cond_wait(&news, &first);
    pthread_mutex_unlock(&first);
    return argument;
}

static void *read_then_write(void *argument)
{
    pthread_rwlock_rdlock(&third);
    usleep(20000);
    pthread_rwlock_wrlock(&fourth);
    return argument;
}

static void *write_after_read(void *argument)
{
    pthread_rwlock_rdlock(&fourth);
    usleep(20000);
    pthread_rwlock_wrlock(&third);
    return argument;
}

static void *hold_mutex(void *argument)
{
    pthread_mutex_lock(&second);
    pthread_mutex_unlock(&second);
    take_first();
    sleep(1000);
    return argument;
}

static void *hold_lock(void *argument)
{
    pthread_rwlock_wrlock(&third);
    sleep(1000);
    return argument;
}

static void *first_then_second_and_more(void *argument)
{
    pthread_rwlock_wrlock(&fourth);
    pthread_mutex_lock(&first);
    usleep(20000);
    pthread_mutex_lock(&second);
    return argument;
}

static void nothing(int number)
{
    (void)number;
}

/* Everybody waits from here on. */
static void wait_as_well(const char *how)
{
    struct itimerval soon = { .it_value = { .tv_sec = 1000 } };
    char byte;

    if (strchr(how, 't')) { /* a timer may still change it */
        signal(SIGALRM, nothing);
        setitimer(ITIMER_REAL, &soon, NULL);
    }
    if (strchr(how, 'h'))
        signal(SIGUSR1, nothing);
    if (strchr(how, 'f'))
        signal(SIGSEGV, nothing);
    if (strchr(how, 'r'))
        read(0, &byte, 1);
    else if (strchr(how, 'p'))
        pause();
    else
        pthread_join(one, NULL);
    _exit(0);
}

int main(int argc, char *argv[])
{
    static void *(*const pairs[][2])(void *) = {
        ['m'] = { first_then_second, second_then_first }, ['w'] = { write_then_read, write_then_write },
        ['j'] = { join_other, join_one },                 ['x'] = { hold_and_join, want_first },
        ['u'] = { read_and_keep, want_to_write },         ['s'] = { wait_then_post, wait_then_post },
        ['i'] = { hold_mutex, hold_lock },                ['a'] = { first_then_second_and_more, second_then_first },
        ['c'] = { wait_for_news, wait_for_news },         ['o'] = { read_then_write, write_after_read },
        ['b'] = { lock_twice, end },
    };

    pthread_create(&one, NULL, pairs[(int)argv[1][0]][0], NULL);
    pthread_create(&other, NULL, pairs[(int)argv[1][0]][1], NULL);
    pthread_setname_np(one, "one");
    pthread_setname_np(other, "other");
    usleep(100000);
    puts("ready");
    fflush(stdout);
    wait_as_well(argv[1]);
}
"""


class Deadlock(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile("locked", PROGRAM, "-g", "-O1", "-pthread", "-w")
        self.copy("coroctl")

    def deadlock(self, process, *arguments, code=6):
        done = self.run_tool("coroctl", "deadlock", "-p", process.pid, *arguments)
        self.assertEqual((done.returncode, done.stderr), (code, ""), done.stdout)
        return done.stdout

    def test_mutexes(self):
        process = self.start(self.program, "mr")
        text = self.deadlock(process)
        self.assertRegex(text, r"^deadlock: 2 threads wait for each other\n")
        self.assertRegex(
            text,
            r"thread 2 \([^)]*, one, [^)]*\)\n    holds mutex 0x[0-9a-f]+\n"
            r"    waits for thread 3: parked on mutex 0x[0-9a-f]+ held by 3 \(\d+\) for ",
        )
        self.assertTrue(text.endswith("where locks were taken is remembered with CORO_LOCK_SITES=on\n"), text)

    def test_where_locks_were_taken(self):
        process = self.start(self.program, "mr", options=["--lock-sites"])
        text = self.deadlock(process)
        self.assertRegex(text, r"holds mutex 0x[0-9a-f]+, taken \d.* ago at \[[^ ]* take_first\|\d+\]\n")
        self.assertRegex(text, r"holds mutex 0x[0-9a-f]+, taken \d.* ago at \[[^ ]* second_then_first\|\d+\]\n")
        cycle = json.loads(self.deadlock(process, "--json"))["deadlocks"][0]
        self.assertEqual([member["id"] for member in cycle], [2, 3])
        for member, other in zip(cycle, reversed(cycle)):
            self.assertEqual(member["holds"], other["address"])
            self.assertGreater(member["held_ns"], member["for_ns"])
            self.assertRegex(member["taken_pc"], "^0x")
        self.assertIn("first_then_second", [frame.get("function") for frame in cycle[0]["frames"]])
        self.assertIn("second_then_first", [frame.get("function") for frame in cycle[1]["frames"]])
        head, *rows = [line.split("\t") for line in self.deadlock(process, "--plain").splitlines()]
        rows = [dict(zip(head, row)) for row in rows]
        self.assertEqual(head[-3:], ["HOLDS", "TAKEN", "HELD_NS"])
        for row, other in zip(rows, reversed(rows)):
            self.assertEqual(row["HOLDS"], other["ADDRESS"])
            self.assertGreater(int(row["HELD_NS"]), int(row["FOR_NS"]))
        self.assertRegex(rows[0]["TAKEN"], r"^\[[^ ]* take_first\|\d+\]$")
        self.assertRegex(rows[1]["TAKEN"], r"^\[[^ ]* second_then_first\|\d+\]$")

    def test_columns_of_what_nobody_remembers(self):
        head, *rows = [line.split("\t") for line in
                       self.deadlock(self.start(self.program, "xr"), "--plain").splitlines()]
        self.assertEqual([row[head.index("TAKEN"):] for row in rows], [["-", "-"]] * 2)
        self.assertRegex(rows[0][head.index("HOLDS")], "^0x")
        self.assertEqual(rows[1][head.index("HOLDS")], "-")  # it is joined

    def test_read_write_locks(self):
        process = self.start(self.program, "wr", options=["--lock-sites"])
        text = self.deadlock(process)
        self.assertRegex(text, r"holds rwlock 0x[0-9a-f]+, taken .* ago at \[[^ ]* write_then_read\|\d+\]\n")
        self.assertRegex(text, r"waits for thread 2: parked on rwlock 0x[0-9a-f]+ held by 2 \(\d+\) for ")

    def test_joins(self):
        text = self.deadlock(self.start(self.program, "jr"))
        self.assertRegex(text, r"waits for thread 3: parked on join of 3 \(\d+\) for ")
        self.assertRegex(text, r"waits for thread 2: parked on join of 2 \(\d+\) for ")
        self.assertNotIn("holds", text)

    def test_a_join_under_a_mutex(self):
        text = self.deadlock(self.start(self.program, "xr"))
        self.assertRegex(text, r"thread 2 .*\n    holds mutex .*\n    waits for thread 3: parked on join of 3 ")
        self.assertRegex(text, r"thread 3 .*\n    waits for thread 2: parked on mutex .* held by 2 ")

    def test_holders_that_nobody_knows(self):
        process = self.start(self.program, "ur")
        text = self.deadlock(process, code=0)
        self.assertRegex(text, r"^no deadlock among 3 threads\n2 threads wait for a semaphore, or a read-write lock")
        text = self.run_tool("coroctl", "list", "-p", process.pid).stdout
        self.assertRegex(text, r"rwlock 0x[0-9a-f]+ held by 1 reader ")
        self.assertRegex(text, r"semaphore 0x[0-9a-f]+ ")

    def test_all_wait_for_what_nobody_does(self):
        process = self.start(self.program, "s")
        text = self.deadlock(process, code=0)
        self.assertRegex(
            text,
            r"^no deadlock among 3 threads\nbut every thread waits, without a deadline, for what another .*:\n"
            r"  thread 1 .*: parked on join of 2 .*\n  thread 2 .*: parked on semaphore 0x.*\n  thread 3 .*\n2 threads wait ",
        )
        document = json.loads(self.deadlock(process, "--json", code=0))
        self.assertEqual(document["deadlocks"], [])
        self.assertEqual([wait["on"] for wait in document["all_wait"]], ["join", "semaphore", "semaphore"])
        process = self.start(self.program, "sr")
        self.assertNotIn("all_wait", json.loads(self.deadlock(process, "--json", code=0)))

    def log_of(self, how, *options, ended=False, lines=3):
        """The log of a process, a while after it got stuck."""
        log = self.folder / "log"
        log.write_text("")
        log.chmod(0o666)
        process = self.start(self.program, how, options=[f"--log-file={log}", *options])
        for turn in range(200):
            time.sleep(0.05)
            text = log.read_text()
            if process.poll() is not None if ended else text.count("\n") >= lines or (turn > 30 and not text):
                break
        time.sleep(0.3)  # it says so once
        return process, log.read_text()

    def test_a_process_that_is_stuck_for_good_says_so_once(self):
        for how, what in (("m", "mutex"), ("w", "rwlock")):
            with self.subTest(what):
                process, text = self.log_of(how, "--lock-sites")
                lines = text.splitlines()
                self.assertEqual(len(lines), 3, text)
                self.assertRegex(
                    lines[0], r"\]: deadlock: no thread of 3 can go on, since 2 wait for each other$"
                )
                self.assertRegex(
                    lines[1],
                    rf"thread 2 \(one\) holds {what} 0x[0-9a-f]+, taken at \[.*\], "
                    rf"and is parked on {what} 0x[0-9a-f]+ held by 3 .* at \[.*\]$",
                )
                self.assertRegex(lines[2], rf"thread 3 \(other\) holds {what} .* held by 2 ")
                self.assertIsNone(process.poll())

    def test_one_thread_that_waits_for_itself(self):
        log = self.folder / "log"
        log.write_text("")
        log.chmod(0o666)
        process = self.start(self.program, "b", options=[f"--log-file={log}"])
        for _ in range(400):
            if log.read_text().count("\n") >= 2:
                break
            time.sleep(0.05)
        self.assertRegex(log.read_text(), r"\]: deadlock: no thread of 2 can go on, since 1 waits for itself\n")
        self.assertRegex(self.deadlock(process), r"^deadlock: a thread waits for itself\n")

    def test_without_a_ring_it_says_less(self):
        for how, what in (("s", "semaphore"), ("c", "condition"), ("o", "rwlock"), ("u", "rwlock")):
            with self.subTest(what):
                process, text = self.log_of(how, "--deadlock=abort", lines=4)
                lines = text.splitlines()
                self.assertEqual(len(lines), 4, text)
                self.assertRegex(lines[0], r"\]: no thread can go on: 3 wait for each other, and nothing else ")
                self.assertRegex(lines[1], r"thread 1 \(locked\): parked on join of 2 .* at .*\[[^ ]* main\|\d+\]")
                self.assertRegex(lines[3], rf"thread 3 \(other\): parked on {what} 0x[0-9a-f]+ .* at ")
                self.assertIsNone(process.poll())

    def test_handlers_of_faults_could_not_end_it(self):
        process, text = self.log_of("sf", lines=4)
        self.assertIn("no thread can go on", text)

    def test_locks_that_nobody_waits_for(self):
        process = self.start(self.program, "ir", options=["--lock-sites"])
        text = self.run_tool("coroctl", "where", "-p", process.pid).stdout
        self.assertRegex(text, r"thread 2 \(.*\n  holds mutex 0x[0-9a-f]+, taken \d.* ago at \[[^ ]* take_first\|\d+\]\n  #0")
        self.assertRegex(text, r"thread 3 \(.*\n  holds rwlock 0x[0-9a-f]+, taken .* ago at \[[^ ]* hold_lock\|\d+\]\n  #0")
        done = self.run_tool("coroctl", "where", "-p", process.pid, "--json")
        holds = [thread.get("holds") for thread in json.loads(done.stdout)["threads"]]
        self.assertIsNone(holds[0])
        self.assertEqual([lock["on"] for lock in holds[1]], ["mutex"])  # the one that it released is none
        self.assertEqual([lock["on"] for lock in holds[2]], ["rwlock"])
        self.assertGreater(holds[1][0]["held_ns"], 0)
        process = self.start(self.program, "ir")
        self.assertNotIn("holds", self.run_tool("coroctl", "where", "-p", process.pid).stdout)

    def test_other_locks_of_a_cycle(self):
        text = self.deadlock(self.start(self.program, "ar", options=["--lock-sites"]))
        self.assertRegex(
            text,
            r"    holds mutex .* first_then_second_and_more.*\n"
            r"    also holds rwlock 0x[0-9a-f]+, taken \d.* ago at \[[^ ]* first_then_second_and_more\|\d+\]\n"
            r"    waits for thread 3",
        )
        self.assertEqual(text.count("also holds"), 1)

    def test_joins_that_never_end(self):
        process, text = self.log_of("j")
        self.assertRegex(text, r"thread 2 \(one\) is parked on join of 3 .* at .*\[[^ ]* join_other\|\d+\]")
        self.assertIsNone(process.poll())

    def test_on_demand_it_aborts(self):
        process, text = self.log_of("m", "--deadlock=abort", ended=True)
        self.assertEqual(process.wait(), -signal.SIGABRT)
        self.assertEqual(text.count("\n"), 3, text)

    def test_off_says_nothing(self):
        self.assertEqual(self.log_of("m", "--deadlock=off")[1], "")

    def test_no_word_while_anything_could_still_change_it(self):
        for how, why in (
            ("mr", "main reads"),
            ("mp", "main waits for a signal"),
            ("mt", "a timer is set"),
            ("sr", "main reads, without a ring"),
            ("sp", "main waits for a signal, without a ring"),
            ("st", "a timer is set, without a ring"),
            ("sh", "a handler could post"),
        ):
            with self.subTest(why):
                self.assertEqual(self.log_of(how)[1], "")
