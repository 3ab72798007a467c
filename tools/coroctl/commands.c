/* The table of subcommands, in the order of coroctl --help. */
#include "tools/coroctl/command.h"

static const struct command *const commands[] = {
    &command_list,
    &command_where,
    &command_deadlock,
    &command_stat,
    &command_top,
    &command_profile,
    &command_get,
    &command_set,
    &command_kill,
    &command_cancel,
    &command_call,
    &command_doctor,
    &command_complete,
    &command_latency,
    &command_trace,
    &command_report,
    NULL,
};

const struct command *const *commands_all(void)
{
    return commands;
}
