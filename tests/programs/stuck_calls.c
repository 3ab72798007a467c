/* Calls that no signal can interrupt, because they wait for a page of memory that another thread
 * must supply: the others go on meanwhile, and each call gets its result in the end. */
#include "test.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ROUNDS  4
#define THREADS 3
#define PAGE    4096

static int faults, file;
static char *memory;
static volatile int ticks, ticking = 1;
static __thread int own;

/* Reads into a page that is not there. */
static void *reads(void *arg)
{
    char *page = arg;
    own = page[PAGE * THREADS] == 0 ? 7 : 8; /* the second half is there */
    CHECK_EQ(pread(file, page, 6, 0), 6);
    CHECK(memcmp(page, "hello\n", 6) == 0);
    CHECK_EQ(page[6], 'x');
    CHECK_EQ(own, 7);
    return NULL;
}

static void *stats(void *arg)
{
    struct stat *about = arg;
    CHECK_EQ(syscall(SYS_fstat, file, about), 0);
    CHECK_EQ(about->st_size, 6);
    return NULL;
}

static void *tick(void *arg)
{
    (void)arg;
    while (ticking) {
        ticks++;
        sleep_ms(1);
    }
    return NULL;
}

static void supply(uint64_t address)
{
    static char page[PAGE];
    struct uffdio_copy copy = { .dst = address, .len = PAGE };
    memset(page, 'x', PAGE);
    copy.src = (unsigned long)page;
    copy.mode = 0;
    CHECK_EQ(ioctl(faults, UFFDIO_COPY, &copy), 0);
}

/* A fault may be announced anew, or withdrawn for a while, when a signal comes. */
static uint64_t next_fault(void)
{
    for (;;) {
        struct pollfd one = { faults, POLLIN, 0 };
        struct uffd_msg message;
        CHECK_EQ(poll(&one, 1, -1), 1);
        if (read(faults, &message, sizeof(message)) == sizeof(message))
            return message.arg.pagefault.address & ~(PAGE - 1UL);
        CHECK_EQ(errno, EAGAIN);
    }
}

/* Waits until all are stuck, lets others run for a while, and supplies the pages. */
static void resolve(void)
{
    uint64_t missing[THREADS] = { 0 };
    for (int known = 0; known < THREADS;) {
        uint64_t address = next_fault();
        int i = 0;
        while (i < known && missing[i] != address)
            i++;
        if (i == known)
            missing[known++] = address;
    }
    int before = ticks;
    while (ticks < before + 5)
        sleep_ms(1);
    for (int i = 0; i < THREADS; i++)
        supply(missing[i]);
}

static void forget(char *pages, size_t bytes)
{
    CHECK_EQ(madvise(pages, bytes, MADV_DONTNEED), 0);
}

int main(void)
{
    struct uffdio_api api = { .api = UFFD_API };
    faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    if (faults < 0) {
        puts("no userfaultfd for us");
        return 77;
    }
    CHECK_EQ(ioctl(faults, UFFDIO_API, &api), 0);
    memory =
        mmap(NULL, 2 * THREADS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    memset(memory + THREADS * PAGE, 0, THREADS * PAGE);
    struct uffdio_register part = { .range = { (unsigned long)memory, THREADS * PAGE },
                                    .mode = UFFDIO_REGISTER_MODE_MISSING };
    CHECK_EQ(ioctl(faults, UFFDIO_REGISTER, &part), 0);
    file = open("file", O_RDWR | O_CREAT, 0600);
    CHECK_EQ(write(file, "hello\n", 6), 6);

    pthread_t ticker = start(tick, NULL), thread[THREADS];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < THREADS; i++)
            thread[i] = start(round % 2 ? stats : reads, memory + i * PAGE);
        resolve();
        for (int i = 0; i < THREADS; i++)
            join(thread[i]);
        forget(memory, THREADS * PAGE);
    }
    ticking = 0;
    join(ticker);

    pid_t child = fork();
    if (child == 0)
        _exit(getpid() == (pid_t)syscall(SYS_gettid) ? 5 : 6);
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(WEXITSTATUS(status), 5);
    CHECK_EQ(getpid(), syscall(SYS_gettid));
    CHECK_EQ(unlink("file"), 0);
    puts("every call came to its end");
    return 0;
}
