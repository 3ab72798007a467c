/* SIGIO, or the signal of F_SETSIG, for one thread: F_SETOWN_EX names it by an id that the kernel does not
 * know. So the process owns the descriptor, and its signals are given to that thread here.
 *
 * A signal of F_SETSIG names its descriptor. Plain SIGIO names none: it goes to the thread that asked
 * last. The generation of a descriptor tells whether it is still the one that was asked for. */
#include "interpose/signal.h"
#include "runtime/snapshot.h"

#define OWNERS_MAX   4096U
#define SET_OWNER    8 /* F_SETOWN */
#define GET_OWNER    9
#define SET_SIGNAL   10
#define GET_SIGNAL   11
#define SET_OWNER_EX 15
#define GET_OWNER_EX 16

/* Signals whose codes 1 and up are not the bands of poll. */
#define OWN_CODES                                                                                  \
    (sigbit(SIGILL) | sigbit(SIGFPE) | sigbit(SIGSEGV) | sigbit(SIGBUS) | sigbit(SIGTRAP) |        \
     sigbit(SIGCHLD) | sigbit(SIGSYS))

enum { OWNER_THREAD, OWNER_PROCESS };

struct owner {
    int fd;
    uint32_t generation;
    uint64_t id; /* of the thread */
};

struct owner_named { /* struct f_owner_ex */
    int type, id;
};

/* In the order in which they were asked for. */
static struct {
    struct owner *of;
    uint32_t count;
} owners;

static bool is_current(const struct owner *owner)
{
    const struct fd_entry *entry = fd_entry_existing(owner->fd);
    return entry && entry->generation == owner->generation;
}

static const struct owner *owner_of(int fd)
{
    for (uint32_t i = 0; i < owners.count; i++) {
        if (owners.of[i].fd == fd && is_current(&owners.of[i]))
            return &owners.of[i];
    }
    return NULL;
}

static const struct owner *last_owner(void)
{
    for (uint32_t i = owners.count; i-- > 0;) {
        if (is_current(&owners.of[i]))
            return &owners.of[i];
    }
    return NULL;
}

/* @co owns @fd from now on; NULL: no thread does. */
static void set_owner(int fd, const struct co *co)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < owners.count; i++) {
        if (owners.of[i].fd != fd && is_current(&owners.of[i]))
            owners.of[kept++] = owners.of[i];
    }
    owners.count = kept;
    const struct fd_entry *entry = co ? fd_entry(fd) : NULL;
    if (!entry || kept == OWNERS_MAX ||
        (!owners.of && !(owners.of = pages_map(OWNERS_MAX * sizeof(*owners.of)))))
        return;
    owners.of[owners.count++] =
        (struct owner){ .fd = fd, .generation = entry->generation, .id = co->id };
}

static void catch_signal(long signal)
{
    if (signal >= 0 && signal <= SIGNALS)
        signal_catch(sigbit(signal ? (int)signal : SIGIO));
}

static long set_named_owner(int fd, const void *argument)
{
    struct owner_named wanted;
    if (user_get(wanted, argument) != 0)
        return -EFAULT;
    const struct co *co =
        wanted.type == OWNER_THREAD && wanted.id > 0 ? co_by_tid((uint32_t)wanted.id) : NULL;
    if (co)
        wanted = (struct owner_named){ OWNER_PROCESS, runtime.pid };
    long result = sys3(__NR_fcntl, fd, SET_OWNER_EX, &wanted);
    if (result != 0)
        return result;
    set_owner(fd, co);
    if (co)
        catch_signal(sys2(__NR_fcntl, fd, GET_SIGNAL));
    return 0;
}

long sigio_fcntl(int fd, int command, unsigned long argument)
{
    const struct owner *owner = owner_of(fd);
    const struct co *co = owner ? co_find(owner->id) : NULL;
    struct owner_named named = { OWNER_THREAD, co ? (int)co->tid : 0 };
    if (command == SET_OWNER_EX)
        return set_named_owner(fd, (const void *)argument);
    if (owner && command == GET_OWNER)
        return named.id;
    if (owner && command == GET_OWNER_EX)
        return user_put((void *)argument, named);
    long result = sys3(__NR_fcntl, fd, command, argument);
    if (result == 0 && command == SET_OWNER)
        set_owner(fd, NULL);
    if (result == 0 && owner && command == SET_SIGNAL)
        catch_signal((long)argument);
    return result;
}

static bool names_descriptor(const siginfo_t *info)
{
    if (sigbit(info->si_signo) & OWN_CODES)
        return info->si_code == SI_SIGIO;
    return info->si_code >= POLL_IN && info->si_code <= POLL_HUP;
}

bool sigio_is_for_thread(const siginfo_t *info, struct co **co)
{
    const struct owner *owner = NULL;
    if (likely(!owners.count))
        return false;
    if (names_descriptor(info))
        owner = owner_of(info->si_fd);
    else if (info->si_signo == SIGIO && info->si_code == SI_KERNEL)
        owner = last_owner();
    if (owner)
        *co = co_find(owner->id);
    return owner;
}
