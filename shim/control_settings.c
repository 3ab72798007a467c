/* The requests that read and change the process's settings, and send signals to its threads.
 *
 * A value is checked by the same rows that check the environment (conf.def). It is written into
 * `conf` here, on the monitor, word by word while the carrier reads it; whoever keeps a copy is
 * told by control_hooks.apply. */
#include "runtime/mem.h"
#include "runtime/sys.h"
#include "shim/conf.h"
#include "shim/control.h"
#include "shim/control_internal.h"
#include "shim/log.h"

#define SIGNAL_MAX 64

struct control_hooks control_hooks;

/* The others matter only at load, or name what is open already. */
static const char *const changeable[] = {
    "CORO_SELFISHNESS",   "CORO_SLICE",           "CORO_LATENCY_WARNING", "CORO_LOG",
    "CORO_PRIORITY",      "CORO_TIMEOUT_CONNECT", "CORO_TIMEOUT_ACCEPT",  "CORO_TIMEOUT_READ",
    "CORO_TIMEOUT_WRITE", "CORO_TIMEOUT_WEAK",
};

static bool is_changeable(const struct conf_variable *variable)
{
    for (size_t i = 0; i < ARRAY_SIZE(changeable); i++)
        if (text_equal(variable->name, changeable[i]))
            return true;
    return false;
}

static void describe(const struct conf_variable *variable, struct setting *setting)
{
    text_copy(setting->name, variable->name, sizeof(setting->name));
    conf_show(variable, &conf, setting->value, sizeof(setting->value));
    conf_show_range(variable, setting->range, sizeof(setting->range));
    setting->changeable = is_changeable(variable);
}

void control_answer_get(struct control_client *client, const void *body)
{
    struct frame_header *header = (struct frame_header *)client->out;
    struct get_reply *answer = control_reply(client, FRAME_GET | FRAME_REPLY, 0, sizeof(*answer));
    struct setting *setting = (struct setting *)(answer + 1);

    (void)body;
    answer->record_bytes = sizeof(*setting);
    for (size_t i = 0; i < conf_variable_count; i++) {
        if (conf_variables[i].kind == CONF_TOOL)
            continue;
        memset(setting, 0, sizeof(*setting));
        describe(&conf_variables[i], setting++);
        answer->count++;
    }
    header->length += answer->count * (uint32_t)sizeof(*setting);
    client->out_used += answer->count * (uint32_t)sizeof(*setting);
}

/* One thread has a selfishness of its own; everything else is the process's. Returns a complaint,
 * or NULL. */
static const char *set_thread(uint64_t id, const struct conf_variable *variable, const char *value,
                              char *why)
{
    struct conf own = conf;

    if (variable->offset != offsetof(struct conf, selfishness) || !control_hooks.set_thread)
        return "a thread has no such setting of its own";
    if (!conf_parse(variable, value, &own, why))
        return why;
    return control_hooks.set_thread(id, own.selfishness) == 0 ? NULL : "no such thread";
}

static const char *set(const struct set_request *request, const struct conf_variable *variable,
                       char *why)
{
    if (request->id)
        return set_thread(request->id, variable, request->value, why);
    if (!control_hooks.apply)
        return "settings cannot be changed here";
    if (!conf_parse(variable, request->value, &conf, why))
        return why;
    control_hooks.apply();
    return NULL;
}

void control_answer_set(struct control_client *client, const void *body)
{
    struct set_request request = *(const struct set_request *)body;
    const struct conf_variable *variable;
    const char *complaint;
    char why[CONF_TEXT_BYTES];

    request.name[sizeof(request.name) - 1] = '\0';
    request.value[sizeof(request.value) - 1] = '\0';
    variable = conf_find(request.name, strlen(request.name));
    if (!variable || !is_changeable(variable))
        complaint = variable ? "cannot be changed while the program runs" : "unknown variable";
    else
        complaint = set(&request, variable, why);
    if (complaint) {
        control_refuse(client, PROTOCOL_FAILED, FRAME_SET, complaint);
        return;
    }
    describe(variable, control_reply(client, FRAME_SET | FRAME_REPLY, 0, sizeof(struct setting)));
}

void control_answer_signal(struct control_client *client, const void *body)
{
    const struct signal_request *request = body;
    int error = -ENOSYS;

    if (request->signal < 1 || request->signal > SIGNAL_MAX)
        error = -EINVAL;
    else if (control_hooks.signal_thread)
        error = control_hooks.signal_thread(request->id, (int)request->signal);
    if (error)
        control_refuse(client, PROTOCOL_FAILED, FRAME_SIGNAL,
                       error == -ESRCH    ? "no such thread"
                       : error == -EBUSY  ? "earlier signals are still on their way"
                       : error == -EINVAL ? "no such signal"
                                          : "threads cannot be signalled here");
    else
        control_reply(client, FRAME_SIGNAL | FRAME_REPLY, 0, 0);
}
