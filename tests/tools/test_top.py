"""What threads are counted to do: the columns of coroctl top, the members of list, the figures of stat."""

import json
import subprocess
import time

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

/* For each byte that comes: a read that waits, a read of a file, a write. */
static void *reader(void *argument)
{
    int file = open("/proc/self/exe", O_RDONLY);
    char byte, bytes[4];

    while (read(ends[0], &byte, 1) == 1) {
        pread(file, bytes, sizeof(bytes), 0);
        write(1, "got\n", 4);
    }
    return argument;
}

static void *spinner(void *argument)
{
    for (;;)
        ;
    return argument;
}

static void connect_ends(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    bind(listener, (struct sockaddr *)&address, length);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&address, &length);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    connect(ends[1], (struct sockaddr *)&address, length);
    ends[0] = accept(listener, NULL, NULL);
}

int main(int argc, char *argv[])
{
    pthread_t thread;
    char byte;

    if (strcmp(argv[1], "tcp") == 0)
        connect_ends();
    else
        pipe(ends);
    pthread_create(&thread, NULL, reader, NULL);
    pthread_setname_np(thread, "reader");
    if (argc > 2) {
        pthread_create(&thread, NULL, spinner, NULL);
        pthread_setname_np(thread, "spin\033ner");
    }
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) == 1)
        write(ends[1], &byte, 1);
    return 0;
}
"""


class Counted(Shimmed):
    def begin(self, *arguments):
        self.process = self.start(self.compile("counted", PROGRAM, "-g", "-pthread", "-w"), *arguments)

    def ask(self, command, *arguments):
        done = self.run_tool("coroctl", command, "-p", self.process.pid, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def turns(self, count):
        for _ in range(count):
            self.process.stdin.write("x")
            self.process.stdin.flush()
            self.assertEqual(self.process.stdout.readline(), "got\n")

    def at_rest(self):
        """The threads by name, and the figures, when all wait for input."""
        for _ in range(300):
            figures = json.loads(self.ask("stat", "--json"))
            threads = json.loads(self.ask("list", "--json"))["threads"]
            if all(thread.get("wait", {}).get("on") == "read" for thread in threads) and \
                    figures["io_calls"] == sum(thread["io_calls"] for thread in threads):
                return {thread["name"]: thread for thread in threads}, figures
            time.sleep(0.05)
        self.fail(f"no rest: {threads}, {figures}")

    def test_waits_and_io_calls_are_exact(self):
        for kind in ("pipe", "tcp"):
            with self.subTest(kind=kind):
                self.begin(kind)
                self.turns(1)
                before, figures_before = self.at_rest()
                self.turns(20)
                after, figures = self.at_rest()
                grown = {key: after["reader"][key] - before["reader"][key] for key in ("waits", "io_calls", "slices")}
                self.assertEqual(grown, {"waits": 20, "io_calls": 60, "slices": grown["slices"]})
                self.assertEqual(figures["io_calls"] - figures_before["io_calls"], 100)
                self.assertGreaterEqual(figures["poll_events"] - figures_before["poll_events"], 20)
                self.assertGreaterEqual(figures["polls"] - figures_before["polls"], 20)
                self.assertLess(before["reader"]["waits"], before["reader"]["slices"] + 1)

    def test_figures_of_the_loop_are_printed(self):
        self.begin("pipe")
        heading = self.ask("stat", "-i", "0.05", "-n", "1").splitlines()[0]
        self.assertEqual(heading.split()[-3:], ["io/s", "polls/s", "events/poll"])
        self.assertRegex(self.ask("stat"), r"(?m)^io_calls +\d+\npolls +\d+\npoll_events +\d+$")
        self.assertIn("# TYPE coroshim_io_calls_total counter\n", self.ask("stat", "--prometheus"))

    def table(self, *arguments):
        """The last of two tables: its heading and the rows, as words."""
        text = self.ask("top", "--batch", "-i", "0.5", "-n", "2", *arguments)
        self.assertNotIn("\033", text)
        lines = text.split("\n\n")[1].splitlines()
        return lines[1].split(), [line.split() for line in lines[2:]]

    def test_columns_and_orders(self):
        self.begin("pipe", "spins")
        heading, rows = self.table()
        self.assertEqual(heading[:5], ["ID", "CPU%", "SWITCH/S", "WAITS/S", "IO/S"])
        self.assertEqual(sorted(row[0] for row in rows), ["1", "2", "3"])
        self.assertEqual(rows[0][0], "3", "the spinner is not first")
        self.assertIn("spin\\x1bner", rows[0])
        self.assertEqual([row[0] for row in self.table("--sort", "id")[1]], ["1", "2", "3"])

    def test_sorted_by_what_threads_did(self):
        self.begin("pipe", "spins")
        for order, column in (("waits", 3), ("io", 4)):
            top = subprocess.Popen(
                [self.copy("coroctl"), "top", "--batch", "--sort", order, "-p", str(self.process.pid), "-i", "0.5"],
                env=self.environment, user=self.user, stdout=subprocess.PIPE, text=True)
            self.addCleanup(top.stdout.close)
            self.addCleanup(top.wait)
            self.addCleanup(top.kill)
            rows = []
            for _ in range(300):  # until a table is seen in which both have done something
                self.turns(5)
                line = top.stdout.readline().split()
                if line[1:2] == ["threads,"]:
                    rows = []
                elif line and line[0].isdigit():
                    rows.append(line)
                if len(rows) == 3 and float(rows[1][column]) > 0:
                    break
            else:
                self.fail(f"not seen by {order}: {rows}")
            self.assertEqual(rows[2][0], "3", "the spinner is not last")
            self.assertGreaterEqual(float(rows[0][column]), float(rows[1][column]))
            self.assertEqual(rows[0][0], "2" if order == "io" else rows[0][0])

    def test_orders_that_are_none(self):
        self.begin("pipe")
        done = self.run_tool("coroctl", "top", "--batch", "--sort", "size")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, "^coroctl: 'size' is no order of threads: cpu, .* or id\n$")
