/* The requests that the program's own libc must carry out: cancelling a thread, calling a function.
 *
 * They are queued for the carrier, and the client asks again how they go; so nothing here waits.
 * Everything in a call_info that will be used as a place or a length is checked here. */
#include <linux/errno.h>

#include "runtime/mem.h"
#include "shim/conf.h"
#include "shim/control.h"
#include "shim/control_internal.h"
#include "shim/log.h"

static void refuse(struct control_client *client, uint16_t request, int64_t error)
{
    control_refuse(client, PROTOCOL_FAILED, request,
                   error == -ESRCH   ? "no such thread"
                   : error == -EBUSY ? "earlier requests are still on their way"
                                     : "the process cannot do that");
}

/* The state of the errand, old or just queued; an error in @ticket is told. */
static void report(struct control_client *client, uint16_t request, int64_t ticket)
{
    struct errand_info info;

    memset(&info, 0, sizeof(info));
    if (ticket <= 0)
        refuse(client, request, ticket);
    else if (!control_hooks.look || !control_hooks.look((uint64_t)ticket, &info))
        control_refuse(client, PROTOCOL_FAILED, request, "that request is forgotten");
    else
        memcpy(control_reply(client, request | FRAME_REPLY, 0, sizeof(info)), &info, sizeof(info));
}

void control_answer_cancel(struct control_client *client, const void *body)
{
    const struct cancel_request *request = body;
    int64_t ticket = (int64_t)(request->ticket & INT64_MAX);

    if (ticket == 0)
        ticket = control_hooks.cancel ? control_hooks.cancel(request->id) : -ENOSYS;
    report(client, FRAME_CANCEL, ticket);
}

static bool is_ended(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == '\0')
            return true;
    return false;
}

static bool is_sound(const struct call_info *call)
{
    if (call->count > CALL_ARGUMENTS_MAX || call->returns >= CALL_TYPES ||
        !is_ended(call->name, sizeof(call->name)) ||
        !is_ended(call->object, sizeof(call->object)) ||
        call->text[sizeof(call->text) - 1] != '\0' || (call->address == 0 && call->name[0] == '\0'))
        return false;
    for (size_t i = 0; i < call->count; i++) {
        if (call->types[i] == CALL_VOID || call->types[i] >= CALL_TYPES)
            return false;
        if (call->types[i] == CALL_STRING && call->values[i] >= sizeof(call->text))
            return false;
    }
    return true;
}

void control_answer_call(struct control_client *client, const void *body)
{
    const struct call_request *request = body;
    int64_t ticket = (int64_t)(request->ticket & INT64_MAX);

    if (!conf.call) {
        control_refuse(client, PROTOCOL_DENIED, FRAME_CALL,
                       "it was not started with CORO_CALL=on (corun --call)");
        return;
    }
    if (ticket == 0 && !is_sound(&request->call)) {
        control_refuse(client, PROTOCOL_MALFORMED, FRAME_CALL, "no such call can be");
        return;
    }
    if (ticket == 0)
        ticket = control_hooks.call ? control_hooks.call(&request->call) : -ENOSYS;
    report(client, FRAME_CALL, ticket);
}
