/* Credentials. The kernel keeps them per kernel thread, POSIX per process: libc's setuid and its kin
 * signal every other thread, whose handlers make the same call, and make it themselves at last.
 *
 * Here all those threads are one kernel thread. Repeated, a call may mean something else: setuid(0)
 * as effective 0 sets more than as saved 0. So the first of such a round is executed, and the others are
 * told its result. The monitor follows, and helpers from before take no more jobs. */
#include "interpose/op.h"

#include "runtime/monitor.h"

static struct {
    uint32_t initiator; /* tid of the thread whose broadcast is under way; 0: none */
    bool done;
    long result;
} round_of;

void identity_broadcast(void)
{
    if (round_of.initiator != this_co()->tid)
        round_of.done = false;
    round_of.initiator = this_co()->tid;
}

static long change(long nr, long a, long b, long c)
{
    long result = sys3(nr, a, b, c);
    offload_renew();
    if (!sys_is_error(result))
        monitor_follow(nr, a, b, c);
    return result;
}

static long change_once(long nr, long a, long b, long c)
{
    if (!round_of.initiator)
        return change(nr, a, b, c);
    long result = round_of.done ? round_of.result : change(nr, a, b, c);
    round_of.done = true;
    round_of.result = result;
    if (round_of.initiator == this_co()->tid)
        round_of.initiator = 0;
    return result;
}

#define OP_IDENTITY(name, how, parameters, a, b, c)                                                \
    long op_##name parameters                                                                      \
    {                                                                                              \
        return how(__NR_##name, (long)(a), (long)(b), (long)(c));                                  \
    }

OP_IDENTITY(setuid, change_once, (unsigned user), user, 0, 0)
OP_IDENTITY(setgid, change_once, (unsigned group), group, 0, 0)
OP_IDENTITY(setreuid, change_once, (unsigned real, unsigned effective), real, effective, 0)
OP_IDENTITY(setregid, change_once, (unsigned real, unsigned effective), real, effective, 0)
OP_IDENTITY(setresuid, change_once, (unsigned real, unsigned effective, unsigned saved), real,
            effective, saved)
OP_IDENTITY(setresgid, change_once, (unsigned real, unsigned effective, unsigned saved), real,
            effective, saved)
OP_IDENTITY(setgroups, change_once, (int count, const unsigned *groups), count, groups, 0)

/* These are no broadcasts: of the thread that calls, and so here of all. */
OP_IDENTITY(setfsuid, change, (unsigned user), user, 0, 0)
OP_IDENTITY(setfsgid, change, (unsigned group), group, 0, 0)
OP_IDENTITY(capset, change, (void *header, const void *sets), header, sets, 0)

/* What a helper is shown and allowed beside credentials. */

long op_unshare(unsigned long flags)
{
    (void)flags;
    offload_renew();
    return OP_PASS;
}

long op_setns(int fd, int type)
{
    (void)fd, (void)type;
    offload_renew();
    return OP_PASS;
}

long op_seccomp(unsigned operation, unsigned flags, void *arguments)
{
    (void)operation, (void)flags, (void)arguments;
    offload_renew();
    return OP_PASS;
}
