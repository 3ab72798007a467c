"""A program under the shim as a job of bash on a terminal: bash says the same of it as natively."""

import os
import pty
import re
import select
import shutil
import time
import unittest

from place import Shimmed

READER = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *reads(void *argument)
{
    char line[80];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        printf("got %s", line);
        fflush(stdout);
    }
    return argument;
}

int main(void)
{
    pthread_t thread;

    puts("begins");
    fflush(stdout);
    pthread_create(&thread, NULL, reads, NULL);
    pthread_join(thread, NULL);
    return 5;
}
"""


class Terminal:
    """bash on a pseudo-terminal."""

    def __init__(self, environment, folder):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                      {**environment, "PS1": "PROMPT>", "TERM": "dumb"})
        self.seen = ""

    def expect(self, pattern):
        deadline = time.monotonic() + 60
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {pattern!r} came, but {self.seen!r}")
            self.seen += os.read(self.fd, 4096).decode(errors="replace").replace("\r", "")
        found = re.search(pattern, self.seen)
        said, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return said

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@unittest.skipUnless(shutil.which("bash"), "bash is not installed")
class Jobs(Shimmed):
    def session(self, command):
        """All that bash says while the program stops, goes on, reads in the background, ends."""
        terminal = Terminal(self.environment, self.folder)
        said = [terminal.expect("PROMPT>")]

        def step(keys, pattern):
            terminal.type(keys)
            said.append(terminal.expect(pattern))

        step(f"{command}\n", "begins\n")
        step("one\n", "got one\n")
        step("\x1a", "Stopped.*\n(.*\n)*PROMPT>")
        step("fg\n", f"{command}\n")
        step("two\n", "got two\n")
        step("\x1a", "Stopped.*\n(.*\n)*PROMPT>")
        step("bg\n", "&\n(.*\n)*PROMPT>")
        time.sleep(0.3)
        step("jobs\n", r"(?s)jobs\n.*Stopped[^\n]*\n.*PROMPT>")  # tty input
        step("fg\n", f"{command}\n")
        step("three\n", "got three\n")
        step("\x03", "PROMPT>")
        step("echo status $?\n", "status [0-9]+\n.*PROMPT>")
        step(f"{command} &\n", "begins\n")
        time.sleep(0.3)
        step("jobs\n", r"(?s)jobs\n.*Stopped[^\n]*\n.*PROMPT>")
        step("fg\n", f"{command}\n")
        step("\x04", "PROMPT>")
        step("echo status $?\n", "status [0-9]+\n.*PROMPT>")
        terminal.close()
        text = "".join(said)
        statuses = re.findall(r"\nstatus (\d+)", text)
        return [re.findall(r"Stopped(?: \(\w+ \w+\))?", text).count("Stopped (tty input)") > 0, statuses,
                re.findall(r"got \w+", text)]

    def test_bash_sees_what_it_sees_natively(self):
        self.compile("reader", READER, "-pthread")
        self.copy("corun")
        native = self.session("./reader")
        self.assertEqual(native[1:], [["130", "5"], ["got one", "got two", "got three"]])
        self.assertEqual(self.session("./corun ./reader"), native)
