/* Asking after an errand: the server answers at once, so it is asked again, at first soon, later
 * less often. */
#include "tools/coroctl/errand.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/progress.h"

#define FIRST_PAUSE_NS NSEC_PER_MSEC
#define PAUSE_MAX_NS   (50 * NSEC_PER_MSEC)

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

int errand_do(struct connection *connection, const char *what, enum frame_type type, void *request,
              uint32_t bytes, double patience_s, struct errand_info *info)
{
    uint64_t begin_ns = now_ns(), pause_ns = FIRST_PAUSE_NS;
    uint64_t end_ns = begin_ns + (uint64_t)(patience_s * (double)NSEC_PER_SEC);
    struct progress progress = progress_begin(what, "s");
    int code;

    for (;;) {
        struct timespec pause = { .tv_nsec = (long)pause_ns };

        code = connection_ask(connection, type, request, bytes, sizeof(*info));
        if (code != EXIT_OK)
            break;
        memcpy(info, connection->body, sizeof(*info));
        if (info->state >= ERRAND_DONE || now_ns() >= end_ns)
            break;
        memcpy(request, &info->ticket, sizeof(info->ticket));
        progress_show(&progress, (now_ns() - begin_ns) / NSEC_PER_SEC, (uint64_t)patience_s);
        nanosleep(&pause, NULL);
        pause_ns = pause_ns * 2 < PAUSE_MAX_NS ? pause_ns * 2 : PAUSE_MAX_NS;
    }
    progress_end(&progress);
    return code;
}

uint64_t parse_thread_id(const char *text)
{
    char *end;
    uint64_t id;

    errno = 0;
    id = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
    if (id != 0 && *end == '\0' && errno == 0)
        return id;
    error(0, 0, "'%s' is not a thread's id", text);
    return 0;
}
