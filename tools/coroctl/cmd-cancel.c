/* coroctl cancel: pthread_cancel from outside. */
#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdio.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/errand.h"
#include "tools/coroctl/json.h"

/* Returns an enum exit_code, having said why unless it is 0. */
static int judge(const struct connection *connection, uint64_t id, const struct errand_info *info,
                 double patience_s)
{
    if (info->state != ERRAND_DONE) {
        error(0, 0,
              "process %d has not cancelled thread %lu within %g s: it will when it comes to it",
              (int)connection->pid, id, patience_s);
        return EXIT_FAILED;
    }
    if (info->error == 0)
        return EXIT_OK;
    error(0, 0, "process %d cannot cancel thread %lu: %s", (int)connection->pid, id,
          info->error == ESRCH     ? "it has ended, or is none of libc's"
          : info->error == ELIBACC ? "libgcc_s.so.1, which unwinds, cannot be loaded"
                                   : "there is no memory");
    return EXIT_FAILED;
}

static int cancel_run(const struct settings *settings)
{
    static struct connection connection;
    double patience_s = settings->timeout_s != 0 ? settings->timeout_s : ERRAND_PATIENCE_S;
    json_t *done = json_array();
    int code = EXIT_OK;

    if (settings->arguments[0] == NULL) {
        error(0, 0, "cancel takes the ids of threads");
        return EXIT_USAGE;
    }
    for (char **at = settings->arguments; *at != NULL; at++)
        if (parse_thread_id(*at) == 0)
            return EXIT_USAGE;
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    if (settings->plain)
        puts("THREAD");
    for (char **at = settings->arguments; code == EXIT_OK && *at != NULL; at++) {
        struct cancel_request request = { .id = parse_thread_id(*at) };
        struct errand_info info;
        uint64_t id = request.id;

        code = errand_do(&connection, "cancelling", FRAME_CANCEL, &request, sizeof(request),
                         patience_s, &info);
        if (code == EXIT_OK)
            code = judge(&connection, id, &info, patience_s);
        if (code == EXIT_OK && settings->plain)
            printf("%lu\n", id);
        if (code == EXIT_OK)
            json_array_append_new(done, json_integer((json_int_t)id));
    }
    connection_close(&connection);
    if (settings->json) {
        json_t *document = json_document(connection.pid);

        json_add(document, "cancelled", json_incref(done));
        json_print_document(document);
    }
    json_decref(done);
    return code;
}

static const struct argp_option cancel_options[] = {
    OPTION_PROCESS, OPTION_TIMEOUT("Wait so long for the program to do it instead of 5 seconds"),
    OPTION_JSON,    OPTION_PLAIN,
    { 0 },
};

const struct command command_cancel = {
    .name = "cancel",
    .arguments = "ID...",
    .summary = "cancel threads",
    .description =
        "As pthread_cancel(3) does: at the thread's next cancellation point, or at once, as "
        "the thread has chosen; cleanup handlers and destructors run.",
    .options = cancel_options,
    .run = cancel_run,
};
