/* What we know of each descriptor, and waiting for its readiness.
 *
 * Registrations are edge-triggered and last as long as the open file. The protocol of a wait is:
 * try the call; on EAGAIN clear `readable`; watch and park. Events are taken only in the carrier's
 * loop, so an edge between the try and the park is still to come, and no wake-up is lost. A first
 * registration reports the present state as an event, so it can't miss one either.
 *
 * An event wakes every waiter of its direction: one edge may stand for several connections. */
#include "runtime/fd.h"

#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/resource.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/socket.h>

#include "runtime/files.h"
#include "runtime/mem.h"
#include "runtime/monitor.h"
#include "runtime/poll/poll.h"
#include "runtime/sched.h"

#define BLOCK_ENTRIES 1024
#define BLOCKS        (FD_MAX / BLOCK_ENTRIES)
#define SOL_SOCKET_   1
#define PROTO_TCP     6
#define MEMORY_DEVICE 1 /* major number of /dev/null, /dev/zero, /dev/urandom */

static struct fd_table table;

int fd_table_init(void)
{
    if (!table.blocks)
        table.blocks = pages_map(BLOCKS * sizeof(*table.blocks));
    table.fork_generation++;
    return table.blocks ? 0 : -ENOMEM;
}

static void make_fresh(struct fd_entry *entry, uint32_t generation)
{
    *entry = (struct fd_entry){ .generation = generation, .events = EVENTS_FIRST };
    list_init(&entry->readers);
    list_init(&entry->writers);
}

static struct fd_entry *new_block(uint32_t index)
{
    struct fd_entry *block = pages_map(BLOCK_ENTRIES * sizeof(*block));
    for (uint32_t i = 0; block && i < BLOCK_ENTRIES; i++)
        make_fresh(&block[i], 0);
    table.blocks[index] = block;
    return block;
}

struct fd_entry *fd_entry_existing(int fd)
{
    if (fd < 0 || fd >= FD_MAX || !table.blocks)
        return NULL;
    struct fd_entry *block = table.blocks[fd / BLOCK_ENTRIES];
    return block ? &block[fd % BLOCK_ENTRIES] : NULL;
}

struct fd_entry *fd_entry(int fd)
{
    if (fd < 0 || fd >= FD_MAX || !table.blocks)
        return NULL;
    struct fd_entry *block = table.blocks[fd / BLOCK_ENTRIES];
    if (unlikely(!block) && !(block = new_block((uint32_t)fd / BLOCK_ENTRIES)))
        return NULL;
    return &block[fd % BLOCK_ENTRIES];
}

static bool has_timeout(int fd, int option)
{
    struct __kernel_old_timeval timeout = { 0 };
    uint32_t size = sizeof(timeout);
    return sys5(__NR_getsockopt, fd, SOL_SOCKET_, option, &timeout, &size) == 0 &&
           (timeout.tv_sec || timeout.tv_usec);
}

bool fd_may_time_out(const struct fd_entry *entry)
{
    return entry->has_timeouts || (table.timeouts_elsewhere && !fd_is_owned(entry));
}

void fd_set_timeouts(int fd)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry)
        return;
    entry->has_timeouts = true;
    if (!fd_is_owned(entry)) /* another number may stand for the same socket */
        table.timeouts_elsewhere = true;
}

static enum fd_kind socket_kind(int fd)
{
    int protocol = 0;
    uint32_t size = sizeof(protocol);
    long r = sys5(__NR_getsockopt, fd, SOL_SOCKET_, SO_PROTOCOL, &protocol, &size);
    return r == 0 && protocol == PROTO_TCP ? FD_TCP : FD_SOCKET;
}

static enum fd_kind device_kind(int fd, uint32_t major)
{
    struct termios settings;
    if (major == MEMORY_DEVICE)
        return FD_FILE;
    if (sys3(__NR_ioctl, fd, TCGETS, &settings) != 0)
        return FD_OTHER;
    table.terminals = true;
    return FD_TERMINAL;
}

/* Both ends of a pipe have one inode: the second one that we meet finds the first. A slot that
 * another pipe has taken costs a poll, no more. */
static void find_other_end(int fd, uint64_t inode)
{
    struct pipe_end *slot = &table.pipe[inode % PIPE_SLOTS];
    long flags = sys2(__NR_fcntl, fd, F_GETFL);
    bool writes = (flags & O_ACCMODE) == O_WRONLY;
    if (slot->inode != inode)
        *slot = (struct pipe_end){ .inode = inode };
    slot->fd[writes] = fd + 1;
    slot->generation[writes] = fd_entry(fd)->generation;
    int other = slot->fd[!writes] - 1;
    struct fd_entry *end = fd_entry_existing(other);
    if (end && end->kind == FD_PIPE && end->generation == slot->generation[!writes])
        fd_paired(fd, other);
}

enum fd_kind fd_kind(struct fd_entry *entry, int fd)
{
    if (likely(entry->kind != FD_UNKNOWN))
        return entry->kind;
    struct statx about; /* as last heard: a file system that hangs is not asked */
    if (sys5(__NR_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO,
             &about) != 0)
        return FD_UNKNOWN;
    switch (about.stx_mode & S_IFMT) {
    case S_IFSOCK:
        entry->kind = (uint8_t)socket_kind(fd);
        entry->has_timeouts = has_timeout(fd, SO_RCVTIMEO_OLD) || has_timeout(fd, SO_SNDTIMEO_OLD);
        break;
    case S_IFIFO:
        entry->kind = FD_PIPE;
        find_other_end(fd, about.stx_ino);
        break;
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
    case S_IFLNK:
        entry->kind = FD_FILE;
        break;
    case S_IFCHR:
        entry->kind = (uint8_t)device_kind(fd, about.stx_rdev_major);
        break;
    default:
        entry->kind = FD_OTHER;
    }
    return entry->kind;
}

bool fd_is_owned(const struct fd_entry *entry)
{
    return entry->owned && entry->owned == table.fork_generation;
}

void fd_set_nonblock(int fd, bool nonblock)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    if (entry)
        entry->nonblock = nonblock;
}

bool fd_blocks(struct fd_entry *entry, int fd)
{
    if (entry && fd_is_owned(entry))
        return !entry->nonblock;
    long flags = sys2(__NR_fcntl, fd, F_GETFL);
    return flags >= 0 && !(flags & O_NONBLOCK);
}

bool fd_is_drained(struct fd_entry *entry, int fd)
{
    return entry->drained_at == entry->events && entry->events != EVENTS_ALWAYS_TRY &&
           entry->registered && entry->kind == FD_TCP && entry->owned && fd_blocks(entry, fd);
}

void fd_opened(int fd, enum fd_kind kind, bool nonblock)
{
    struct fd_entry *entry = fd_entry(fd);
    if (!entry)
        return;
    fd_closing(fd); /* in case the close was not seen */
    entry->kind = (uint8_t)kind;
    entry->owned = table.fork_generation;
    entry->nonblock = nonblock;
}

void fd_shared(int fd)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    if (entry)
        entry->owned = 0;
}

void fd_all_shared(void)
{
    table.fork_generation++;
}

/* Gives the waiters of @entry a private duplicate of @fd to wait on. */
static void move_waiters(struct fd_entry *entry, int fd)
{
    long copy = sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, fd_floor());
    struct fd_entry *target = copy >= 0 ? fd_entry((int)copy) : NULL;
    struct list *heads[2][2] = { { &entry->readers, target ? &target->readers : NULL },
                                 { &entry->writers, target ? &target->writers : NULL } };
    if (target) {
        target->generation++;
        target->registered = target->unpollable = false;
        target->kind = entry->kind;
        target->owned = 0;
        memcpy(target->no_nowait, entry->no_nowait, sizeof(entry->no_nowait));
        target->private_copy = true;
        target->registered =
            poll_set->add((int)copy, (uint64_t)target->generation << 32 | (uint32_t)copy) == 0;
    }
    for (int side = 0; side < 2; side++) {
        struct list *node;
        while ((node = list_pop(heads[side][0]))) {
            struct fd_waiter *waiter = container_of(node, struct fd_waiter, link);
            if (!target) {
                sched_wake(waiter->co, 0); /* it tries again and meets EBADF */
                continue;
            }
            waiter->fd = (int)copy;
            waiter->moved = true;
            list_push(heads[side][1], node);
            if (!target->registered)
                sched_wake(waiter->co, 0); /* it tries again and meets the error */
        }
    }
}

/* Ends the waits that are for this file alone. */
static void end_waits(struct list *waiters)
{
    struct list *node, *after;
    list_for_each (node, after, waiters) {
        struct fd_waiter *waiter = container_of(node, struct fd_waiter, link);
        if (waiter->until_closed && sched_wake(waiter->co, -EBADF))
            list_remove(node);
    }
}

static bool has_waiters(const struct fd_entry *entry)
{
    return !list_empty(&entry->readers) || !list_empty(&entry->writers);
}

void fd_closing(int fd)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    if (!entry)
        return;
    bool waited_on = has_waiters(entry);
    if (unlikely(waited_on)) {
        end_waits(&entry->readers);
        end_waits(&entry->writers);
        if (has_waiters(entry))
            move_waiters(entry, fd);
    }
    if (entry->registered && (waited_on || !fd_is_owned(entry)))
        poll_set->remove(fd); /* the file may live on elsewhere, and its registration with it */
    entry->generation++;
    entry->owned = 0;
    entry->kind = FD_UNKNOWN;
    entry->registered = entry->unpollable = false;
    entry->no_nowait[0] = entry->no_nowait[1] = false;
    entry->listening = entry->lists_threads = false;
    entry->peer = 0;
    entry->has_timeouts = entry->waits_for_disk = false;
    entry->events = EVENTS_FIRST;
    entry->drained_at = EVENTS_ALWAYS_TRY;
}

int fd_watch(struct fd_waiter *waiter, bool for_write)
{
    int fd = waiter->fd;
    struct fd_entry *entry = fd_entry(fd);
    list_init(&waiter->link);
    if (!entry)
        return -EBADF;
    if (entry->unpollable)
        return -EPERM;
    if (!entry->registered) {
        int error = poll_set->add(fd, (uint64_t)entry->generation << 32 | (uint32_t)fd);
        if (error == -EEXIST) { /* under the tag of an older generation: it was not closed */
            poll_set->remove(fd);
            error = poll_set->add(fd, (uint64_t)entry->generation << 32 | (uint32_t)fd);
        }
        if (error == -EPERM)
            entry->unpollable = true;
        if (error)
            return error;
        entry->registered = true;
    }
    list_push(for_write ? &entry->writers : &entry->readers, &waiter->link);
    return 0;
}

/* The last one to leave a private duplicate closes it. */
static void leave_copy(int fd)
{
    struct fd_entry *entry = fd_entry_existing(fd);
    if (!entry || !entry->private_copy || !list_empty(&entry->readers) ||
        !list_empty(&entry->writers))
        return;
    poll_set->remove(fd);
    entry->private_copy = entry->registered = false;
    entry->generation++;
    sys1(__NR_close, fd);
}

void fd_unwatch(struct fd_waiter *waiter)
{
    list_remove(&waiter->link);
}

void fd_wait_done(struct fd_waiter *waiter)
{
    if (unlikely(waiter->moved))
        leave_copy(waiter->fd);
}

int fd_wait(struct fd_waiter *waiter, bool for_write, uint64_t deadline_ns)
{
    struct co *co = waiter->co = this_co();
    int error = fd_watch(waiter, for_write);
    if (error)
        return error;
    uint32_t kind = waiter->kind ? waiter->kind : for_write ? WAIT_WRITE : WAIT_READ;
    co_waits(co, (struct co_wait){ .kind = kind, .fd = waiter->fd });
    error = sched_park(deadline_ns);
    fd_unwatch(waiter);
    return error;
}

static void wake_all(struct list *waiters)
{
    struct list *node, *after;
    list_for_each (node, after, waiters)
        sched_wake(container_of(node, struct fd_waiter, link)->co, 0);
}

void poll_prefetch_entry(uint64_t tag)
{
    __builtin_prefetch(fd_entry_existing((int)(uint32_t)tag));
}

void poll_prefetch_waiter(uint64_t tag)
{
    const struct fd_entry *entry = fd_entry_existing((int)(uint32_t)tag);
    if (entry)
        __builtin_prefetch(entry->readers.next);
}

/* The other end of a pair that this process made: data put in here is there at once. Its waiters
 * need no poll to tell them; the event that comes later finds nobody, or causes one more try. */
void fd_transferred(struct fd_entry *entry, bool wrote)
{
    struct fd_entry *peer = entry->peer ? fd_entry_existing(entry->peer - 1) : NULL;
    if (!peer || peer->generation != entry->peer_generation)
        return;
    wake_all(wrote ? &peer->readers : &peer->writers);
}

void fd_paired(int one, int other)
{
    struct fd_entry *a = fd_entry(one), *b = fd_entry(other);
    if (!a || !b)
        return;
    a->peer = other + 1;
    a->peer_generation = b->generation;
    b->peer = one + 1;
    b->peer_generation = a->generation;
}

static void count_event(struct fd_entry *entry, uint32_t events)
{
    if (events & (POLL_HANGUP | POLL_URGENT))
        entry->events = EVENTS_ALWAYS_TRY;
    else if (entry->events != EVENTS_ALWAYS_TRY && !++entry->events)
        entry->events = EVENTS_FIRST;
}

void poll_event(uint64_t tag, uint32_t events)
{
    int fd = (int)(uint32_t)tag;
    if (unlikely(fd == runtime.wake_fd)) {
        uint64_t drained;
        sys3(__NR_read, fd, &drained, sizeof(drained));
        return;
    }
    runtime.carrier.poll_events++;
    struct fd_entry *entry = fd_entry_existing(fd);
    if (!entry || entry->generation != (uint32_t)(tag >> 32))
        return;
    count_event(entry, events);
    if (events & POLL_READ)
        wake_all(&entry->readers);
    if (events & POLL_WRITE)
        wake_all(&entry->writers);
}

/* Who waits to read from a terminal looks again whether the terminal is still his. */
void fd_wake_terminals(void)
{
    for (uint32_t i = 0; table.terminals && i < BLOCKS; i++) {
        struct fd_entry *block = table.blocks[i];
        for (uint32_t j = 0; block && j < BLOCK_ENTRIES; j++)
            if (block[j].kind == FD_TERMINAL)
                wake_all(&block[j].readers);
    }
}

/* Nothing was ever known of its number. */
static bool is_untouched(const struct fd_entry *entry)
{
    static const struct fd_entry fresh = { .events = EVENTS_FIRST };
    return memcmp(entry, &fresh, offsetof(struct fd_entry, readers)) == 0 && !has_waiters(entry);
}

/* Only what has to be is written to: a child of a fork copies those pages. */
void fd_table_reset(void)
{
    table.fork_generation++;
    for (uint32_t i = 0; table.blocks && i < BLOCKS; i++) {
        struct fd_entry *block = table.blocks[i];
        for (uint32_t j = 0; block && j < BLOCK_ENTRIES; j++) {
            struct fd_entry *entry = &block[j];
            if (is_untouched(entry))
                continue;
            if (entry->private_copy)
                files_let_go((int)(i * BLOCK_ENTRIES + j));
            make_fresh(entry, entry->generation + 1);
        }
    }
}

bool fd_private(int fd)
{
    if (fd < 0)
        return false;
    if (fd == runtime.wake_fd || fd == runtime.maps_fd || fd == poll_set->fd() ||
        monitor_owns_fd(fd))
        return true;
    struct fd_entry *entry = fd_entry_existing(fd);
    return entry && entry->private_copy;
}

int fd_floor(void)
{
    struct rlimit64 limit = { 1024, 1024 };
    sys4(__NR_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    uint64_t top = limit.rlim_cur < 32768 ? limit.rlim_cur : 32768;
    return top > 96 ? (int)top - 64 : (int)(top / 2);
}
