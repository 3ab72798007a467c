/* What the kernel keeps per thread and prctl tells: name, timer slack, and the signal of a parent's death.
 *
 * The kernel knows the carrier alone. Its slack is the least that a thread has asked for: one sleep
 * serves all. Its death signal is the latest that a thread has set; when that thread ends or wants none
 * any more, another's. A process that is made, and a program that is executed, begin with
 * what the calling thread has, so the kernel is told that for the time of the call. */
#include "interpose/prctl.h"

#include <linux/prctl.h>

#include "interpose/op.h"

static struct {
    uint64_t slack_ns, default_slack_ns; /* the carrier's; the first thread's default */
    int death_signal;
} known;

static void tell_slack(uint64_t slack_ns)
{
    if (slack_ns != known.slack_ns && !sys2(__NR_prctl, PR_SET_TIMERSLACK, slack_ns))
        known.slack_ns = slack_ns;
}

static long tell_death_signal(unsigned long signal)
{
    long error = sys2(__NR_prctl, PR_SET_PDEATHSIG, signal);
    if (!error)
        known.death_signal = (int)signal;
    return error;
}

void prctl_take_over(struct co *co)
{
    int signal = 0;
    long slack = sys1(__NR_prctl, PR_GET_TIMERSLACK);
    sys2(__NR_prctl, PR_GET_PDEATHSIG, &signal);
    sys2(__NR_prctl, PR_SET_TIMERSLACK, 0);
    known.default_slack_ns = (uint64_t)sys1(__NR_prctl, PR_GET_TIMERSLACK);
    known.slack_ns = known.default_slack_ns;
    tell_slack((uint64_t)slack);
    known.death_signal = signal;
    co->slack_ns = known.slack_ns;
    co->default_slack_ns = known.default_slack_ns;
    co->death_signal = (uint8_t)signal;
}

/* One that is no thread of the program's (errand.c) has none. */
void prctl_inherit(struct co *co, const struct co *parent)
{
    co->slack_ns = parent->slack_ns ? parent->slack_ns : known.default_slack_ns;
    co->default_slack_ns = co->slack_ns;
    co->death_signal = 0;
}

static void forget_death_signal(struct co *co)
{
    struct list *node, *after;
    unsigned long other = 0;
    co->death_signal = 0;
    list_for_each (node, after, &runtime.all) {
        struct co *one = container_of(node, struct co, all);
        if (one->death_signal)
            other = one->death_signal;
    }
    tell_death_signal(other);
}

void prctl_thread_ends(struct co *co)
{
    if (unlikely(co->death_signal))
        forget_death_signal(co);
}

struct prctl_lent prctl_lend(const struct co *co, bool for_exec)
{
    struct prctl_lent lent = { known.slack_ns, known.death_signal };
    tell_slack(co->slack_ns);
    if (for_exec && co->death_signal != known.death_signal)
        tell_death_signal(co->death_signal);
    return lent;
}

void prctl_take_back(struct prctl_lent lent)
{
    tell_slack(lent.slack_ns);
    if (lent.death_signal != known.death_signal)
        tell_death_signal((unsigned long)lent.death_signal);
}

static long set_name(struct co *co, const char *from)
{
    char name[sizeof(co->name)] = "";
    for (size_t i = 0; i < sizeof(name) - 1; i++) {
        if (user_get(name[i], from + i) != 0)
            return -EFAULT;
        if (!name[i])
            break;
    }
    memcpy(co->name, name, sizeof(name));
    return co->is_main ? OP_PASS : 0;
}

static long set_slack(struct co *co, uint64_t slack_ns)
{
    co->slack_ns = slack_ns ? slack_ns : co->default_slack_ns;
    if (co->slack_ns < known.slack_ns)
        tell_slack(co->slack_ns);
    return 0;
}

static long set_death_signal(struct co *co, unsigned long signal)
{
    if (!signal) {
        prctl_thread_ends(co);
        return 0;
    }
    long error = tell_death_signal(signal);
    if (!error)
        co->death_signal = (uint8_t)signal;
    return error;
}

static long get_death_signal(const struct co *co, int *to)
{
    const int signal = co->death_signal;
    return user_copy(to, &signal, sizeof(signal)) != 0 ? -EFAULT : 0;
}

long op_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    struct co *co = this_co();
    (void)b, (void)c, (void)d;
    switch (option) {
    case PR_SET_SYSCALL_USER_DISPATCH: /* it would hand our calls to the program */
        return -EINVAL;
    case PR_GET_NAME:
        return user_put((void *)a, co->name);
    case PR_SET_NAME:
        return set_name(co, (const char *)a);
    case PR_GET_TID_ADDRESS: {
        const int *word = co->clear_child_tid;
        return user_copy((void *)a, &word, sizeof(word)) != 0 ? -EFAULT : 0;
    }
    case PR_GET_TIMERSLACK:
        return (long)co->slack_ns;
    case PR_SET_TIMERSLACK:
        return set_slack(co, a);
    case PR_GET_PDEATHSIG:
        return get_death_signal(co, (int *)a);
    case PR_SET_PDEATHSIG:
        return set_death_signal(co, a);
    case PR_SET_NO_NEW_PRIVS:
    case PR_SET_SECCOMP:
    case PR_SET_SECUREBITS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_DROP:
    case PR_CAP_AMBIENT:
        offload_renew(); /* a helper has what the carrier had when it began */
    }
    return OP_PASS;
}
