/* coroctl's subcommands: one file cmd-NAME.c each, with one constant entry that coroctl.c's table
 * points to. */
#ifndef COROCTL_COMMAND_H
#define COROCTL_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit codes; coroctl(1) explains them. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NO_PROCESS = 3, /* it does not exist, or is not under coroshim */
    EXIT_DENIED = 4,
    EXIT_PROTOCOL = 5, /* another version's library, or no library at all */
    EXIT_DEADLOCK = 6, /* deadlock found one */
};

/* What the options that several commands have came to. */
struct settings {
    const char *process;        /* -p: pid or name; NULL: the only one */
    const char *core, *program; /* a core file instead, and its program; NULL: none */
    bool json, plain;
    bool group;                        /* where: one stack for all threads that have it */
    bool all_frames;                   /* where: coroshim's own, too */
    bool prometheus;                   /* stat */
    bool batch, tree;                  /* top */
    const char *sort;                  /* top: an order; NULL: as usual */
    double interval_s;                 /* stat, top; 0: once */
    unsigned count;                    /* stat, top: so many times; 0: without end */
    uint64_t thread;                   /* -t; 0: none */
    const char *output, *compare_with; /* profile: files; NULL: none */
    double time_s;                     /* profile; 0: as usual */
    unsigned hz;
    bool off_cpu;
    bool reset;          /* latency */
    double timeout_s;    /* cancel, call; 0: as usual */
    const char *returns; /* call: a type; NULL: as the function's */
    char **arguments;    /* what is left after the options, NULL at the end */
};

/* Keys of options that have no letter. */
enum {
    KEY_JSON = 0x100,
    KEY_PLAIN,
    KEY_GROUP,
    KEY_ALL_FRAMES,
    KEY_PROMETHEUS,
    KEY_BATCH,
    KEY_TREE,
    KEY_SORT,
    KEY_TIME,
    KEY_OFF_CPU,
    KEY_HZ,
    KEY_DIFF,
    KEY_TIMEOUT,
    KEY_RETURNS,
    KEY_RESET_FIGURES,
    KEY_CORE,
    KEY_EXE,
};

/* Rows for a command's options. */
#define OPTION_PROCESS                                                                             \
    {                                                                                              \
        "pid", 'p', "PID|NAME", 0,                                                                 \
            "Of this process; may be left out when one process alone is under coroshim", 0         \
    }
#define OPTION_JSON                                                                                \
    {                                                                                              \
        "json", KEY_JSON, NULL, 0, "Print one JSON document, with exact figures", 0                \
    }
#define OPTION_PLAIN                                                                               \
    {                                                                                              \
        "plain", KEY_PLAIN, NULL, 0, "Print columns separated by tabs, with exact figures", 0      \
    }

#define OPTION_TIMEOUT(text)                                                                       \
    {                                                                                              \
        "timeout", KEY_TIMEOUT, "SECONDS", 0, text, 0                                              \
    }

#define OPTION_CORE                                                                                \
    { "core", KEY_CORE, "FILE", 0, "Of the dead process that left this core file", 0 },            \
    {                                                                                              \
        "exe", KEY_EXE, "PROGRAM", 0, "Of this program, if the core file names another place", 0   \
    }

struct command {
    const char *name;
    const char *arguments;   /* for the usage line; NULL: takes none */
    const char *summary;     /* one line, in the imperative */
    const char *description; /* below the options of its --help; NULL: nothing */
    bool is_hidden;          /* for other programs than people: not in --help */
    const struct argp_option *options;
    int (*run)(const struct settings *settings); /* returns an enum exit_code, having said why */
};

/* All of them, NULL at the end. */
const struct command *const *commands_all(void);

extern const struct command command_complete, command_call, command_cancel, command_deadlock,
    command_doctor, command_get, command_kill, command_latency, command_list, command_profile,
    command_report, command_set, command_stat, command_top, command_trace, command_where;

#endif
