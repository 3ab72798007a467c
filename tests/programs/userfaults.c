/* A userfaultfd served by a thread of the process whose other threads touch the pages: by loads, stores,
 * string and vector instructions. Registers are what they were, also those of threads that compute; a handler runs while its thread waits for a
 * page, and a thread that reads the descriptor without polling it is told as well. */
#include "test.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE    4096
#define PAGES   40
#define READERS 3

struct service {
    int fd;
    bool polls;
    unsigned char *memory;
};

static unsigned char *memory; /* of the service at work */
static volatile bool withhold;
static volatile int handled;

static unsigned char content(size_t page)
{
    return (unsigned char)(3 * page + 1);
}

static void supply(const struct service *service, uintptr_t address)
{
    static unsigned char source[PAGE] __attribute__((aligned(PAGE)));
    struct uffdio_copy copy = { .dst = address & ~(uintptr_t)(PAGE - 1), .len = PAGE };
    copy.src = (uintptr_t)source;
    memset(source, content((copy.dst - (uintptr_t)service->memory) / PAGE), PAGE);
    CHECK(ioctl(service->fd, UFFDIO_COPY, &copy) == 0 || errno == EEXIST);
}

static void *serves(void *arg)
{
    const struct service *service = arg;
    for (;;) {
        struct pollfd ready = { .fd = service->fd, .events = POLLIN };
        struct uffd_msg message;
        if (service->polls)
            CHECK_EQ(poll(&ready, 1, -1), 1);
        ssize_t bytes = read(service->fd, &message, sizeof(message));
        if (bytes < 0 && service->polls && errno == EAGAIN)
            continue; /* a fault that a signal took back */
        CHECK_EQ(bytes, sizeof(message));
        CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
        while (withhold && !handled)
            sleep_ms(1);
        supply(service, message.arg.pagefault.address);
    }
    return NULL;
}

static void begin(struct service *service)
{
    struct uffdio_api api = { .api = UFFD_API };
    struct uffdio_register all = { .mode = UFFDIO_REGISTER_MODE_MISSING };
    service->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | (service->polls ? O_NONBLOCK : 0));
    if (service->fd < 0 || ioctl(service->fd, UFFDIO_API, &api) != 0) {
        printf("no userfaultfd: %s\n", strerror(errno));
        exit(77);
    }
    memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    all.range.start = (uintptr_t)memory;
    all.range.len = PAGES * PAGE;
    CHECK_EQ(ioctl(service->fd, UFFDIO_REGISTER, &all), 0);
    service->memory = memory;
    start(serves, service);
}

/* Every reader touches each page, each from another one on. */
static void *loads(void *arg)
{
    double half = 0.5;
    unsigned long sum = 0, expected = 0;
    size_t first = (size_t)arg * PAGES / READERS;
    for (size_t i = 0; i < PAGES; i++) {
        size_t page = (first + i) % PAGES;
        sum += ((volatile unsigned char *)memory)[page * PAGE + i];
        half = half * 2 + (double)content(page) - half - (double)content(page);
        expected += content(page);
    }
    CHECK_EQ(sum, expected);
    CHECK(half == 0.5);
    return NULL;
}

static void *copies(void *unused)
{
    unsigned char buffer[2 * PAGE];
    void *to = buffer;
    const void *from = memory + PAGE / 2;
    size_t count = sizeof(buffer);
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    CHECK_EQ(count, 0);
    CHECK(to == buffer + sizeof(buffer));
    for (size_t i = 0; i < sizeof(buffer); i++)
        CHECK_EQ(buffer[i], content((i + PAGE / 2) / PAGE));
    return unused;
}

static void *stores(void *unused)
{
    unsigned long flags = 0, number = 0x1122334455667788;
    unsigned char *at = memory + 5 * PAGE;
    __asm__ volatile("stc; movq %1, (%2); sbbq %0, %0"
                     : "=r"(flags)
                     : "r"(number), "r"(at)
                     : "memory");
    CHECK_EQ(flags, ~0UL);
    CHECK_EQ(*(unsigned long *)(void *)at, number);
    CHECK_EQ(at[8], content(5));
    return unused;
}

static void *vectors(void *unused)
{
    typedef long wide __attribute__((vector_size(16)));
    wide from = { 1, 2 }, to = { 0, 0 }, kept = { 3, 4 };
    __asm__ volatile("movdqa %2, %%xmm7; movdqu (%3), %0; movdqa %%xmm7, %1"
                     : "=&x"(to), "=&x"(from)
                     : "x"(kept), "r"(memory + 7 * PAGE + 3)
                     : "xmm7");
    CHECK(from[0] == 3 && from[1] == 4);
    CHECK_EQ((unsigned char)to[0], content(7));
    CHECK_EQ((unsigned char)((unsigned long)to[1] >> 56), content(7));
    return unused;
}

static void *is_signalled(void *unused)
{
    CHECK_EQ(((volatile unsigned char *)memory)[9 * PAGE], content(9));
    CHECK_EQ(handled, 1);
    return unused;
}

static void on_signal(int signal)
{
    (void)signal;
    handled = 1;
}

static void handler_in_a_fault(void)
{
    CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
    handled = 0;
    withhold = true;
    pthread_t thread = start(is_signalled, NULL);
    sleep_ms(30);
    CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    join(thread);
    withhold = false;
}

/* Threads that spin are met in one place again and again, too: nothing of theirs may change. */
static double compute(void)
{
    double sum = 0, factor = 1.0000001;
    unsigned long mixed = 1;
    for (int i = 1; i < 4000000; i++) {
        sum = sum * factor + (double)i;
        mixed = mixed * 6364136223846793005UL + (unsigned long)i;
    }
    return sum + (double)(mixed >> 40);
}

static void *computes(void *expected)
{
    CHECK(compute() == *(double *)expected);
    return NULL;
}

static volatile bool spin_on;

static void *spins(void *unused)
{
    while (spin_on) {
        unsigned long flags;
        __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; popq %0; lea 128(%%rsp), %%rsp"
                         : "=r"(flags));
        CHECK_EQ(flags & 0x100, 0);
    }
    return unused;
}

static void beside_spinners(double expected)
{
    spin_on = true;
    pthread_t spinner = start(spins, NULL), computer = start(computes, &expected);
    computes(&expected);
    join(computer);
    spin_on = false;
    join(spinner);
}

static void fresh(void)
{
    CHECK_EQ(madvise(memory, PAGES * PAGE, MADV_DONTNEED), 0);
}

static void *traps(void *unused)
{
    __asm__ volatile("int3");
    return unused;
}

/* Traps of the program's own stay its own. */
static void trap(void)
{
    int status;
    handled = 0;
    CHECK(signal(SIGTRAP, on_signal) != SIG_ERR);
    join(start(traps, NULL));
    CHECK_EQ(handled, 1);
    CHECK(signal(SIGTRAP, SIG_DFL) != SIG_ERR);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
        join(start(traps, NULL));
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP);
}

static void load(void)
{
    pthread_t readers[READERS];
    for (size_t i = 0; i < READERS; i++)
        readers[i] = start(loads, (void *)i);
    for (size_t i = 0; i < READERS; i++)
        join(readers[i]);
    fresh();
}

int main(void)
{
    static void *(*const touches[])(void *) = { copies, stores, vectors };
    static struct service services[] = { { .polls = true }, { .polls = false } };
    double expected = compute();
    for (int i = 0; i < COUNT(services); i++) {
        begin(&services[i]);
        CHECK_EQ(memory[0], content(0)); /* by the first thread */
        fresh();
        load();
        load();
        for (int j = 0; j < COUNT(touches); j++) {
            join(start(touches[j], NULL));
            fresh();
        }
        handler_in_a_fault();
        beside_spinners(expected);
        puts(services[i].polls ? "polled" : "read");
    }
    trap();
    puts("trapped");
    fflush(stdout);
    _exit(0);
}
