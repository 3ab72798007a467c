/* The CORO_* environment variables, one row each in conf.def, as the running process sees them. */
#ifndef CORO_CONF_H
#define CORO_CONF_H

#include "runtime/base.h"
#include "runtime/fault.h"

/* One step of CORO_LATENCY_WARNING. */
#define CONF_FACTOR_NS (200 * NSEC_PER_MSEC)

#define CONF_PATH_BYTES 256

#define CONF_TIMEOUT_MAX (86400 * NSEC_PER_SEC)

/* CORO_TIMEOUT_*: which calls. */
enum conf_timeout { TIMEOUT_READ, TIMEOUT_WRITE, TIMEOUT_ACCEPT, TIMEOUT_CONNECT, TIMEOUTS };

struct conf {
    bool on;                        /* CORO: off steps aside */
    uint32_t selfishness;           /* CORO_SELFISHNESS, 1..32768 */
    uint32_t offload;               /* CORO_OFFLOAD, 1..1024 */
    uint64_t slice_ns;              /* CORO_SLICE; 0: never preempt */
    uint64_t latency_warning_ns;    /* CORO_LATENCY_WARNING factor x 0.2 s; 0: off */
    uint32_t priority;              /* CORO_PRIORITY: the word's place, bits of FAVOUR_* */
    uint64_t timeout_ns[TIMEOUTS];  /* CORO_TIMEOUT_*; 0: none */
    bool timeout_weak;              /* CORO_TIMEOUT_WEAK: what moves pushes the deadline */
    bool dispatch;                  /* CORO_DISPATCH: trap calls from raw sites */
    bool follow;                    /* CORO_FOLLOW: children of exec keep LD_PRELOAD */
    bool control;                   /* CORO_CONTROL: serve the control socket */
    bool call;                      /* CORO_CALL: the control socket may call functions */
    uint32_t deadlock;              /* CORO_DEADLOCK: enum deadlock_action */
    uint32_t dump_signal;           /* CORO_DUMP_SIGNAL; 0: none */
    bool lock_sites;                /* CORO_LOCK_SITES */
    bool crash_report;              /* CORO_CRASH_REPORT */
    struct fault_plan fault;        /* CORO_FAULT */
    uint32_t log_level;             /* CORO_LOG: enum log_level */
    char log_file[CONF_PATH_BYTES]; /* CORO_LOG_FILE: "" is stderr */
};

/* Holds the rows' initial values until conf_load. */
extern struct conf conf;

/* Reads the CORO_* variables of @envp into `conf`; each bad value or unknown name costs one line on
 * stderr (through log_line) and leaves the default. With CORO=off the rest is not looked at.
 * Below the gate: no libc; never parks. Call it once, while the process has one thread. */
void conf_load(char *const envp[]);

/* The value of @envp's first entry with this name, as getenv finds it, or NULL. */
const char *conf_environment(char *const envp[], const char *name);

/* The rows themselves, for whoever explains or changes the variables. */

enum conf_kind {
    CONF_BOOL,
    CONF_DURATION,
    CONF_UNSIGNED,
    CONF_FACTOR,
    CONF_ENUM,
    CONF_PATH,
    CONF_FAULT, /* struct fault_plan */
    CONF_SIGNAL,
    CONF_TOOL, /* read by the tools only: no field, no values */
};

struct conf_variable {
    const char *name;
    const char *unit;
    const char *text;
    uint64_t min, max, initial;
    enum conf_kind kind;
    uint32_t offset; /* of the field in struct conf */
};

extern const struct conf_variable conf_variables[];
extern const size_t conf_variable_count;

/* Long enough for any complaint, value or range below (a path excepted: CONF_PATH_BYTES). */
#define CONF_TEXT_BYTES 160

/* The row of the variable whose name is the first @length bytes of @name, or NULL. */
const struct conf_variable *conf_find(const char *name, size_t length);

/* The row whose name is nearest to @name, or NULL when none is near enough to be meant. */
const struct conf_variable *conf_nearest(const char *name, size_t length);

/* Sets @variable's field of @into from @value; an empty one means the default. Returns true, or
 * false with the complaint in @why (CONF_TEXT_BYTES) and @into unchanged. */
bool conf_parse(const struct conf_variable *variable, const char *value, struct conf *into,
                char *why);

/* Writes @variable's value in @from, as it would be written in the environment, into @out; returns
 * its length. */
size_t conf_show(const struct conf_variable *variable, const struct conf *from, char *out,
                 size_t size);

/* The same of the value that it has when nothing sets it. */
size_t conf_show_initial(const struct conf_variable *variable, char *out, size_t size);

/* Writes which values @variable takes ("1..32768", "on or off") into @out; returns the length. */
size_t conf_show_range(const struct conf_variable *variable, char *out, size_t size);

/* CORO_FAULT's value: false when it is none, and @into is as it was. */
bool conf_parse_fault(const char *text, struct fault_plan *into);
size_t conf_show_fault(const struct fault_plan *plan, char *out, size_t size);

/* CONF_SIGNAL's value: false when it is none. */
bool conf_parse_signal(const char *text, uint64_t *number);
size_t conf_show_signal(uint64_t number, char *out, size_t size);

#endif
