/* Steering from outside: requests that came over the control socket, on the monitor kernel thread.
 *
 * The monitor must not touch the carrier's queues, so a signal is posted to the carrier's inbox, and
 * the carrier sends it. */
#include "interpose/activation.h"
#include "interpose/signal.h"
#include "runtime/monitor.h"
#include "runtime/snapshot.h"
#include "shim/conf.h"

#define ORDERS 16 /* signals on their way */

struct order {
    struct remote remote;
    uint64_t id;
    int signal;
    volatile bool taken;
};

static struct order orders[ORDERS];

void steer_reset(void)
{
    memset(orders, 0, sizeof(orders));
}

void steer_apply_conf(void)
{
    runtime.selfishness = conf.selfishness;
    runtime.favoured = conf.priority;
    monitor_set(conf.slice_ns, conf.latency_warning_ns);
}

int steer_set_thread(uint64_t id, uint32_t selfishness)
{
    spin_lock(&runtime.all_lock);
    struct co *co = runtime.mode == MODE_ACTIVE ? co_find(id) : NULL;
    if (co)
        co->selfishness = selfishness;
    spin_unlock(&runtime.all_lock);
    return co ? 0 : -ESRCH;
}

static void send_order(struct remote *remote)
{
    struct order *order = container_of(remote, struct order, remote);
    siginfo_t info = { .si_signo = order->signal, .si_code = SI_TKILL };
    info.si_pid = runtime.pid;
    struct co *co = co_find(order->id);
    if (co)
        signal_send(co, order->signal, &info);
    __atomic_store_n(&order->taken, false, __ATOMIC_RELEASE);
}

static struct order *free_order(void)
{
    for (size_t i = 0; i < ORDERS; i++)
        if (!__atomic_load_n(&orders[i].taken, __ATOMIC_ACQUIRE))
            return &orders[i];
    return NULL;
}

int steer_signal_thread(uint64_t id, int signal)
{
    struct order *order = free_order();
    spin_lock(&runtime.all_lock);
    bool found = runtime.mode == MODE_ACTIVE && co_find(id);
    spin_unlock(&runtime.all_lock);
    if (!found)
        return -ESRCH;
    if (!order)
        return -EBUSY;
    order->taken = true;
    order->id = id;
    order->signal = signal;
    order->remote.run = send_order;
    runtime_post(&order->remote);
    monitor_kick(); /* whoever computes takes a turn in the loop */
    return 0;
}
