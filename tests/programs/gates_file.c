/* Files, locks, message queues and semaphores by system call: calls that wait without readiness. */
#include "gates.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>

static void open_writer(long unused)
{
    (void)unused;
    long fd = syscall(SYS_open, "fifo", O_WRONLY, 0);
    CHECK(fd >= 0);
    close((int)fd);
}

static void opens(void)
{
    long fd = syscall(SYS_open, "file", O_RDWR | O_CREAT | O_EXCL, 0640);
    struct stat about;
    CHECK(fd >= 0);
    CHECK_EQ(fstat((int)fd, &about), 0);
    CHECK_EQ(about.st_mode & 0700, 0600);
    close((int)fd);
    FAILS(EEXIST, SYS_open, "file", O_RDWR | O_CREAT | O_EXCL, 0600);
    FAILS(ENOENT, SYS_open, "no-such-file", O_RDONLY, 0);
    FAILS(EFAULT, SYS_open, NOWHERE, O_RDONLY, 0);
    FAILS(EFAULT, SYS_openat, AT_FDCWD, NOWHERE, O_RDONLY, 0);
    FAILS(EBADF, SYS_openat, -1, "file", O_RDONLY, 0);
    fd = syscall(SYS_openat, AT_FDCWD, "file", O_RDONLY | O_CLOEXEC, 0);
    CHECK_EQ(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
    close((int)fd);
    CHECK_EQ(unlink("file"), 0);
    CHECK_EQ(mkfifo("fifo", 0600), 0);
    WAITS_FOR(open_writer, 0, 1, (fd = syscall(SYS_open, "fifo", O_RDONLY, 0)) >= 0);
    close((int)fd);
    WAITS_FOR(open_writer, 0, 1, (fd = syscall(SYS_openat, AT_FDCWD, "fifo", O_RDONLY, 0)) >= 0);
    close((int)fd);
    FAILS(ENXIO, SYS_open, "fifo", O_WRONLY | O_NONBLOCK, 0);
    CHECK_EQ(unlink("fifo"), 0);
}

static void syncs(void)
{
    int pair[2], fd = open("synced", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(pipe(pair), 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_EQ(syscall(SYS_fsync, fd), 0);
    CHECK_EQ(syscall(SYS_fdatasync, fd), 0);
    CHECK_EQ(syscall(SYS_sync_file_range, fd, 0L, 3L, 0U), 0);
    FAILS(EBADF, SYS_fsync, -1);
    FAILS(EINVAL, SYS_fsync, pair[0]);
    FAILS(EINVAL, SYS_fdatasync, pair[0]);
    FAILS(EBADF, SYS_syncfs, -1);
    FAILS(ESPIPE, SYS_sync_file_range, pair[0], 0L, 3L, 0U);
    FAILS(EINVAL, SYS_sync_file_range, fd, 0L, 3L, 999U);
    close(pair[0]);
    close(pair[1]);
    close(fd);
    CHECK_EQ(unlink("synced"), 0);
}

/* A small file system of its own: others may have much to write. */
static void syncs_all(void)
{
    int fd = (int)syscall(SYS_memfd_create, "synced", 0);
    CHECK(fd >= 0);
    CHECK_EQ(syscall(SYS_syncfs, fd), 0);
    CHECK_EQ(syscall(SYS_sync), 0);
    close(fd);
}

static void unlock(long fd)
{
    CHECK_EQ(syscall(SYS_flock, (int)fd, LOCK_UN), 0);
}

static void flocks(void)
{
    int one = open("locked", O_RDWR | O_CREAT, 0600), two = open("locked", O_RDWR);
    CHECK(one >= 0 && two >= 0);
    CHECK_EQ(syscall(SYS_flock, one, LOCK_EX), 0);
    FAILS(EAGAIN, SYS_flock, two, LOCK_EX | LOCK_NB);
    WAITS_FOR(unlock, one, 0, syscall(SYS_flock, two, LOCK_EX));
    FAILS(EBADF, SYS_flock, -1, LOCK_EX);
    FAILS(EINVAL, SYS_flock, one, 0);
    close(one);
    close(two);
    CHECK_EQ(unlink("locked"), 0);
}

struct note {
    long type;
    char text[1024];
};

static void send_note(long id)
{
    struct note note = { 7, "abc" };
    CHECK_EQ(syscall(SYS_msgsnd, (int)id, &note, 4L, 0), 0);
}

static void take_note(long id)
{
    struct note note;
    CHECK_EQ(syscall(SYS_msgrcv, (int)id, &note, sizeof(note.text), 0L, 0), sizeof(note.text));
}

static void notes(void)
{
    struct note note = { 1, "" };
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    CHECK(id >= 0);
    WAITS_FOR(send_note, id, 4, syscall(SYS_msgrcv, id, &note, sizeof(note.text), 0L, 0));
    CHECK(note.type == 7 && strcmp(note.text, "abc") == 0);
    FAILS(ENOMSG, SYS_msgrcv, id, &note, sizeof(note.text), 0L, IPC_NOWAIT);
    while (syscall(SYS_msgsnd, id, &note, sizeof(note.text), IPC_NOWAIT) == 0)
        continue;
    CHECK_EQ(errno, EAGAIN);
    WAITS_FOR(take_note, id, 0, syscall(SYS_msgsnd, id, &note, sizeof(note.text), 0));
    FAILS(E2BIG, SYS_msgrcv, id, &note, 1L, 0L, 0);
    FAILS(EFAULT, SYS_msgsnd, id, NOWHERE, 1L, 0);
    note.type = 0;
    FAILS(EINVAL, SYS_msgsnd, id, &note, 1L, 0);
    CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
    FAILS(EINVAL, SYS_msgrcv, id, &note, 1L, 0L, 0);
}

static void raise_semaphore(long id)
{
    struct sembuf up = { 0, 1, 0 };
    CHECK_EQ(syscall(SYS_semop, (int)id, &up, 1L), 0);
}

static void semaphores(void)
{
    struct sembuf down = { 0, -1, 0 }, at_once = { 0, -1, IPC_NOWAIT };
    struct timespec span = span_ms(3), wrong = { 0, -1 };
    int id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    CHECK(id >= 0);
    WAITS_FOR(raise_semaphore, id, 0, syscall(SYS_semop, id, &down, 1L));
    WAITS_FOR(raise_semaphore, id, 0, syscall(SYS_semtimedop, id, &down, 1L, NULL));
    FAILS(EAGAIN, SYS_semop, id, &at_once, 1L);
    FAILS(EAGAIN, SYS_semtimedop, id, &down, 1L, &span);
    FAILS(EINVAL, SYS_semtimedop, id, &down, 1L, &wrong);
    FAILS(EFAULT, SYS_semop, id, NOWHERE, 1L);
    FAILS(EFAULT, SYS_semtimedop, id, &down, 1L, NOWHERE);
    FAILS(EINVAL, SYS_semop, id, &down, 0L);
    CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
    FAILS(EINVAL, SYS_semop, id, &down, 1L);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "open, openat", opens },     { "fsync, fdatasync, sync_file_range", syncs },
        { "sync, syncfs", syncs_all }, { "flock", flocks },
        { "msgsnd, msgrcv", notes },   { "semop, semtimedop", semaphores },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
