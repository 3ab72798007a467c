/* coroctl kill: a signal to one thread. */
#include <error.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/errand.h"
#include "tools/coroctl/json.h"

#define SIGNALS 65

/* "10", "USR1", "SIGUSR1"; 0: none. */
static int parse_signal(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*end == '\0' && end != text)
        return number > 0 && number < SIGNALS ? (int)number : 0;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (int signal = 1; signal < SIGNALS; signal++) {
        const char *name = sigabbrev_np(signal);

        if (name != NULL && strcasecmp(name, text) == 0)
            return signal;
    }
    return 0;
}

static int kill_run(const struct settings *settings)
{
    static struct connection connection;
    struct signal_request request = { 0 };
    char **arguments = settings->arguments;
    int code;

    if (arguments[0] == NULL || arguments[1] == NULL || arguments[2] != NULL) {
        error(0, 0, "kill takes a thread's id and a signal");
        return EXIT_USAGE;
    }
    request.id = parse_thread_id(arguments[0]);
    if (request.id == 0)
        return EXIT_USAGE;
    request.signal = (uint32_t)parse_signal(arguments[1]);
    if (request.signal == 0) {
        error(0, 0, "'%s' is not a signal", arguments[1]);
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    code = connection_ask(&connection, FRAME_SIGNAL, &request, sizeof(request), 0);
    connection_close(&connection);
    if (code == EXIT_OK && settings->plain)
        printf("THREAD\tSIGNAL\n%lu\t%u\n", request.id, request.signal);
    if (code == EXIT_OK && settings->json) {
        json_t *document = json_document(connection.pid);

        json_add(document, "thread", json_integer((json_int_t)request.id));
        json_add(document, "signal", json_integer(request.signal));
        json_print_document(document);
    }
    return code;
}

static const struct argp_option kill_options[] = {
    OPTION_PROCESS,
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_kill = {
    .name = "kill",
    .arguments = "ID SIGNAL",
    .summary = "send a signal to one thread",
    .description = "As pthread_kill(3) does: the thread's mask, the program's handler and the "
                   "default action apply.",
    .options = kill_options,
    .run = kill_run,
};
