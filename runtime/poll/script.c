/* The poll contract on a script: a deterministic fake for unit tests. Tests queue events with
 * script_post; wait delivers those whose descriptor is registered, in order, and never sleeps:
 * a timeout without events moves nothing but is counted, so that tests can see an idle runtime. */
#include "runtime/poll/script.h"

#include "runtime/mem.h"
#include "runtime/sys.h"

static struct script script;

struct script *script_state(void)
{
    return &script;
}

void script_post(int fd, uint32_t events)
{
    if (script.count < SCRIPT_MAX)
        script.events[script.count++] = (struct script_event){ fd, events };
}

static int script_open(int fd_floor)
{
    (void)fd_floor;
    memset(&script, 0, sizeof(script));
    return 0;
}

static void script_close(void)
{
}

static int script_add(int fd, uint64_t tag)
{
    if (fd < 0 || fd >= SCRIPT_FDS)
        return -EPERM;
    if (script.registered[fd])
        return -EEXIST;
    script.registered[fd] = true;
    script.tags[fd] = tag;
    return 0;
}

static void script_remove(int fd)
{
    if (fd >= 0 && fd < SCRIPT_FDS)
        script.registered[fd] = false;
}

static void script_wait(uint64_t timeout_ns)
{
    script.waits++;
    script.last_timeout_ns = timeout_ns;
    uint32_t count = script.count;
    script.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct script_event event = script.events[i];
        if (event.fd >= 0 && event.fd < SCRIPT_FDS && script.registered[event.fd])
            poll_event(script.tags[event.fd], event.events);
    }
    if (!count && script.on_idle)
        script.on_idle(timeout_ns);
}

static int script_fd(void)
{
    return -1;
}

const struct poll_backend poll_script = {
    .name = "script",
    .open = script_open,
    .close = script_close,
    .add = script_add,
    .remove = script_remove,
    .wait = script_wait,
    .fd = script_fd,
};
