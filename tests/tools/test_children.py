"""What coroctl list says of threads that wait for child processes."""

import re

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void *waiter(void *how)
{
    siginfo_t info;

    switch (*(const char *)how) {
    case 'p': waitpid(child, NULL, 0); break;
    case 'a': wait(NULL); break;
    case 'G': waitpid(-child, NULL, 0); break;
    case 'i': waitid(P_PID, child, &info, WEXITED); break;
    case 'I': waitid(P_ALL, 0, &info, WEXITED | WSTOPPED); break;
    case 'f': waitid(P_PIDFD, syscall(SYS_pidfd_open, child, 0), &info, WEXITED); break;
    }
    return NULL;
}

int main(int argc, char *argv[])
{
    pthread_t thread;
    char byte;

    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        for (;;)
            pause();
    }
    setpgid(child, child);
    for (char *how = argv[1]; *how; how++)
        pthread_create(&thread, NULL, waiter, how);
    usleep(100000);
    printf("ready\n%d\n", (int)child);
    fflush(stdout);
    read(0, &byte, 1);
    kill(child, SIGKILL);
    _exit(0);
}
"""


class Children(Shimmed):
    def test_each_thread_says_which_child_it_waits_for(self):
        program = self.compile("parent", PROGRAM, "-pthread", "-w")
        process = self.start(program, "paGiIf")
        child = process.stdout.readline().strip()
        done = self.run_tool("coroctl", "list", "-p", process.pid)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        waits = re.findall(r"(?:any )?child.*?(?=   )", done.stdout)
        self.assertEqual(
            waits,
            [
                f"child {child}",
                "any child",
                f"any child of process group {child}",
                f"child {child}",
                "any child",
                waits[-1],
            ],
            done.stdout,
        )
        self.assertRegex(waits[-1], r"^child of pidfd \d+$")
