/* What a program may answer: coroctl's commands around a server that says anything.
 *
 * The input's first byte chooses the command, the rest is all that the server sends; then it hangs up.
 * connection_choose, which finds a process, is replaced by the linker (--wrap). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/process.h"

static const uint8_t *replies;
static size_t replies_left;

int __wrap_connection_choose(const char *wanted, struct connection *connection);

int __wrap_connection_choose(const char *wanted, struct connection *connection)
{
    int ends[2];
    ssize_t sent;

    (void)wanted;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort();
    sent = send(ends[1], replies, replies_left, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    shutdown(ends[1], SHUT_WR);
    /* The far end is kept until the next: what the command asks must not fail. */
    static int last = -1;
    if (last >= 0)
        close(last);
    last = ends[1];
    connection->fd = ends[0];
    connection->pid = getpid();
    snprintf(connection->name, sizeof(connection->name), "fuzzed");
    return EXIT_OK;
}

static char id[] = "1", number[] = "10", name[] = "slice", assignment[] = "slice=1ms";
static char *nothing[] = { NULL }, *thread[] = { id, NULL },
            *signal_arguments[] = { id, number, NULL }, *setting[] = { name, NULL },
            *assignments[] = { assignment, NULL };

static const struct {
    const struct command *command;
    struct settings settings;
} runs[] = {
    { &command_list, { .arguments = nothing } },
    { &command_list, { .arguments = nothing, .plain = true } },
    { &command_list, { .arguments = nothing, .json = true } },
    { &command_stat, { .arguments = nothing } },
    { &command_stat, { .arguments = nothing, .json = true } },
    { &command_stat, { .arguments = nothing, .prometheus = true } },
    { &command_top, { .arguments = nothing, .batch = true, .count = 1, .interval_s = 0.01 } },
    { &command_top,
      { .arguments = nothing, .batch = true, .tree = true, .count = 1, .interval_s = 0.01 } },
    { &command_get, { .arguments = nothing } },
    { &command_get, { .arguments = setting, .plain = true } },
    { &command_get, { .arguments = nothing, .json = true } },
    { &command_set, { .arguments = assignments } },
    { &command_kill, { .arguments = signal_arguments } },
    { &command_cancel, { .arguments = thread, .timeout_s = 0.001 } },
};

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Where the commands print. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return freopen("/dev/null", "w", stdout) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct settings *settings;

    if (size == 0)
        return 0;
    replies = data + 1;
    replies_left = size - 1;
    settings = &runs[data[0] % ARRAY_SIZE(runs)].settings;
    runs[data[0] % ARRAY_SIZE(runs)].command->run(settings);
    return 0;
}
