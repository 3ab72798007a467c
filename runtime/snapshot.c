/* Listing the live threads for observers. Runs on the monitor kernel thread while the carrier goes
 * on: all_lock keeps the list whole, the fields may be a moment old, and memory of a coroutine that
 * ends meanwhile stays readable (mem.h, pools). */
#include "runtime/co_info.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/un.h>

#include "runtime/abi.h"
#include "runtime/monitor.h"
#include "runtime/snapshot.h"
#include "runtime/unstarted.h"
#include "shim/log.h"

static void describe_peer(int fd, char *out, size_t size)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
        char bytes[128];
    } address = { 0 };
    uint32_t length = sizeof(address);
    if (sys3(__NR_getpeername, fd, &address, &length) != 0)
        return;
    if (address.v4.sin_family == AF_INET) {
        const uint8_t *ip = (const uint8_t *)&address.v4.sin_addr;
        format_text(out, size, "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3],
                    (unsigned)__builtin_bswap16(address.v4.sin_port));
    } else if (address.v4.sin_family == AF_INET6) {
        const uint8_t *ip = (const uint8_t *)&address.v6.sin6_addr;
        size_t at = format_text(out, size, "[");
        for (int i = 0; i < 16; i += 2)
            at += format_text(out + at, size - at, "%s%x", i ? ":" : "",
                              (unsigned)(ip[i] << 8 | ip[i + 1]));
        format_text(out + at, size - at, "]:%u", (unsigned)__builtin_bswap16(address.v6.sin6_port));
    } else if (address.v4.sin_family == AF_UNIX && length > 2) {
        format_text(out, size, "%s%s", address.local.sun_path[0] ? "" : "@",
                    address.local.sun_path + !address.local.sun_path[0]);
    }
}

/* Those that were started and those that were not, in the order of their ids. */
static size_t list_both(uint64_t after_id, struct co_info *out, size_t max)
{
    uint64_t now = clock_now(&runtime.clock);
    struct list *node = snapshot_after(after_id), *other = unstarted_after(after_id);
    size_t count = 0;
    while (count < max && (node != &runtime.all || other != &runtime.unstarted)) {
        struct co *co = container_of(node, struct co, all);
        struct unstarted *unstarted = container_of(other, struct unstarted, link);
        if (other != &runtime.unstarted && (node == &runtime.all || unstarted->id < co->id)) {
            unstarted_describe(unstarted, now, &out[count++]);
            other = other->next;
            continue;
        }
        co_describe(co, now, &out[count]); /* reads the state, which may change meanwhile, once */
        node = node->next;
        if (out[count].state == CO_FREE || out[count].state == CO_DEAD)
            continue;
        count++;
        runtime.snapshot_hint = co;
    }
    return count;
}

size_t co_snapshot(uint64_t after_id, struct co_info *out, size_t max)
{
    size_t count = 0;
    spin_lock(&runtime.all_lock);
    if (runtime.mode == MODE_ACTIVE)
        count = list_both(after_id, out, max);
    spin_unlock(&runtime.all_lock);
    for (size_t i = 0; i < count; i++) {
        if (out[i].wait_fd < 0)
            continue;
        int fd = monitor_borrow_fd(out[i].wait_fd);
        if (fd >= 0)
            describe_peer(fd, out[i].peer, sizeof(out[i].peer));
        monitor_return_fd(fd);
    }
    return count;
}
