/* The request for what was rewritten in which object, and what the process could do on this machine. */
#include "runtime/mem.h"
#include "shim/control.h"
#include "shim/control_internal.h"

#define RECORDS_MAX ((FRAME_REPLY_MAX - sizeof(struct doctor_reply)) / sizeof(struct doctor_object))

void control_answer_doctor(struct control_client *client, const void *body)
{
    const struct doctor_request *request = body;
    struct frame_header *header = (struct frame_header *)client->out;
    struct doctor_reply *answer =
        control_reply(client, FRAME_DOCTOR | FRAME_REPLY, 0, sizeof(*answer));
    size_t all = 0, left;
    uint32_t bytes;

    if (control_hooks.objects)
        all =
            control_hooks.objects(request->skip, (struct doctor_object *)(answer + 1), RECORDS_MAX);
    left = all > request->skip ? all - request->skip : 0;
    answer->count = (uint32_t)(left < RECORDS_MAX ? left : RECORDS_MAX);
    answer->record_bytes = sizeof(struct doctor_object);
    answer->facts = control_hooks.facts ? control_hooks.facts() : 0;
    bytes = answer->count * answer->record_bytes;
    header->flags = left > RECORDS_MAX ? FRAME_MORE : 0;
    header->length += bytes;
    client->out_used += bytes;
}
