/* A shell and its job, both of several threads, on a terminal: the keys that stop and end a job, reading
 * and writing in the background, taking turns in the foreground, what the shell is told. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>

#define CTRL_C         "\003"
#define CTRL_Z         "\032"
#define CTRL_BACKSLASH "\034"

static int master, slave, lines[2];
static volatile long *beats;  /* shared with the job */
static volatile int *handled; /* how often it handled SIGCONT */
static pid_t job;

static void *beats_on(void *arg)
{
    for (;;) {
        __atomic_add_fetch(beats, 1, __ATOMIC_SEQ_CST);
        sleep_ms(1);
    }
    return arg;
}

/* Passes on what is typed, line by line. */
static void *reads_lines(void *arg)
{
    char line[80];
    ssize_t got;

    while ((got = read(slave, line, sizeof(line))) > 0)
        CHECK_EQ(write(lines[1], line, (size_t)got), got);
    CHECK_EQ(got, 0);
    _exit(7);
    return arg;
}

static void *sleeps(void *arg)
{
    sigset_t all;

    sigfillset(&all); /* a stop interrupts no sleep, but a handler would */
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    CHECK_EQ(usleep(999999), 0);
    CHECK_EQ(usleep(999999), 0);
    return arg;
}

static void *returns(void *arg)
{
    return arg;
}

static void count_continue(int signal)
{
    (void)signal;
    (*handled)++;
}

enum { READS = 1, HANDLES = 2 };

static void be_job(int what)
{
    signal(SIGTTOU, SIG_DFL);
    if (what & HANDLES)
        signal(SIGCONT, count_continue);
    start(beats_on, NULL);
    start(sleeps, NULL);
    if (what & READS)
        start(reads_lines, NULL);
    for (;;)
        pause();
}

static void start_job(int what)
{
    int go[2];
    char byte;

    CHECK_EQ(pipe(go), 0);
    job = fork();
    CHECK(job >= 0);
    if (job == 0) {
        CHECK_EQ(setpgid(0, 0), 0);
        CHECK_EQ(read(go[0], &byte, 1), 1);
        be_job(what);
    }
    setpgid(job, job); /* whoever is first */
    CHECK_EQ(tcsetpgrp(slave, job), 0);
    CHECK_EQ(write(go[1], "", 1), 1);
    close(go[0]);
    close(go[1]);
}

static void type(const char *keys)
{
    CHECK_EQ(write(master, keys, strlen(keys)), (long)strlen(keys));
}

static void expect_line(const char *line)
{
    char got[80];

    CHECK_EQ(read(lines[0], got, sizeof(got)), (long)strlen(line));
    CHECK(memcmp(got, line, strlen(line)) == 0);
}

static void wait_for_beats(void)
{
    for (long before = *beats; *beats < before + 5;)
        sleep_ms(1);
}

static void expect_stop(int signal)
{
    int status;
    long before;

    CHECK_EQ(waitpid(job, &status, WUNTRACED), job);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), signal);
    before = *beats;
    sleep_ms(20);
    CHECK_EQ(*beats, before);
}

static void go_on(pid_t foreground)
{
    int status;

    CHECK_EQ(tcsetpgrp(slave, foreground), 0);
    CHECK_EQ(kill(-job, SIGCONT), 0);
    if (foreground != job)
        return; /* it may have been stopped again before it is asked whether it went on */
    CHECK_EQ(waitpid(job, &status, WCONTINUED), job);
    CHECK(WIFCONTINUED(status));
}

static void expect_end(int signal)
{
    int status;

    CHECK_EQ(waitpid(job, &status, 0), job);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), signal);
    CHECK_EQ(tcsetpgrp(slave, getpgrp()), 0);
}

/* Keys that stop it, in the foreground; then the background, where it must not read. */
static void stop_and_continue(int handles)
{
    *handled = 0;
    start_job(READS | handles);
    type("one\n");
    expect_line("one\n");
    for (int i = 0; i < 3; i++) {
        wait_for_beats();
        type(CTRL_Z);
        expect_stop(SIGTSTP);
        go_on(job);
        wait_for_beats();
        while (handles && *handled < i + 1)
            sleep_ms(1);
        type("two\n");
        expect_line("two\n");
    }
    type(CTRL_Z);
    expect_stop(SIGTSTP);
    go_on(getpgrp());
    expect_stop(SIGTTIN); /* the read that it was in begins again, in the background */
    go_on(job);
    type("three\n");
    expect_line("three\n");
    type(CTRL_C);
    expect_end(SIGINT);
}

static void read_in_background(void)
{
    start_job(0);
    wait_for_beats();
    CHECK_EQ(tcsetpgrp(slave, getpgrp()), 0);
    wait_for_beats(); /* it only computes: nobody minds */
    CHECK_EQ(tcsetpgrp(slave, job), 0);
    type(CTRL_BACKSLASH);
    expect_end(SIGQUIT);

    start_job(READS);
    type("four\n");
    expect_line("four\n");
    wait_for_beats();
    type("\004");
    int status;
    CHECK_EQ(waitpid(job, &status, 0), job);
    CHECK_EQ(WEXITSTATUS(status), 7);
    CHECK_EQ(tcsetpgrp(slave, getpgrp()), 0);
}

static void *writes_there(void *arg)
{
    CHECK_EQ(write(slave, "written\n", 8), 8);
    CHECK_EQ(write(lines[1], "written\n", 8), 8);
    return arg;
}

static void *reads_there(void *arg)
{
    char line[80];
    ssize_t got = read(slave, line, sizeof(line));

    CHECK(got > 0);
    CHECK_EQ(write(lines[1], line, (size_t)got), got);
    return arg;
}

/* Begins in the background: a read stops it at once; so does a write, if the terminal says so. */
static void begin_in_background(void *(*body)(void *), int signal_expected, const char *line)
{
    job = fork();
    CHECK(job >= 0);
    if (job == 0) {
        CHECK_EQ(setpgid(0, 0), 0);
        signal(SIGTTOU, SIG_DFL);
        start(beats_on, NULL);
        start(body, NULL);
        for (;;)
            pause();
    }
    setpgid(job, job);
    expect_stop(signal_expected);
    go_on(job);
    if (body == reads_there)
        type(line);
    expect_line(line);
    type(CTRL_C);
    expect_end(SIGINT);
}

static void be_shell(void)
{
    struct termios settings;

    CHECK(setsid() > 0);
    master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR);
    CHECK(slave >= 0);
    CHECK_EQ(tcgetattr(slave, &settings), 0);
    settings.c_lflag &= ~(tcflag_t)ECHO;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
    signal(SIGTTOU, SIG_IGN);
    join(start(returns, NULL));
    stop_and_continue(0);
    stop_and_continue(HANDLES);
    read_in_background();
    begin_in_background(reads_there, SIGTTIN, "five\n");
    settings.c_lflag |= TOSTOP;
    CHECK_EQ(tcsetattr(slave, TCSANOW, &settings), 0);
    begin_in_background(writes_there, SIGTTOU, "written\n");
    puts("the shell was told all");
    fflush(stdout);
    _exit(0);
}

int main(void)
{
    int status, test = posix_openpt(O_RDWR | O_NOCTTY);
    pid_t shell;

    if (test < 0) {
        puts("no pseudo-terminals here");
        return 77;
    }
    close(test);
    beats = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(beats != MAP_FAILED);
    handled = (volatile int *)(beats + 1);
    CHECK_EQ(pipe(lines), 0);
    shell = fork();
    CHECK(shell >= 0);
    if (shell == 0)
        be_shell();
    CHECK_EQ(waitpid(shell, &status, 0), shell);
    CHECK_EQ(status, 0);
    return 0;
}
