/* A chat over mailboxes: a room with members, which are threads. Members join by a call, say things, and
 * are told what others say; the room forgets those that are gone. */
#include <coro.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOIN = 1, SAY, LEAVE, CLOSE };
enum { MEMBERS_MAX = 16, MEMBERS = 4 };

struct room {
    coro_id members[MEMBERS_MAX];
    int count;
};

static void forget(struct room *room, int at)
{
    room->members[at] = room->members[--room->count];
}

static void leave(struct room *room, coro_id who)
{
    for (int i = 0; i < room->count; i++) {
        if (room->members[i] == who)
            forget(room, i--);
    }
}

/* To all but the one who says it. Who has ended is forgotten. */
static void pass_on(struct room *room, const struct coro_message *message)
{
    for (int i = 0; i < room->count; i++) {
        if (room->members[i] != message->from && coro_mailbox_send(room->members[i], message, 10) &&
            errno == ESRCH)
            forget(room, i--);
    }
}

static int run_room(void)
{
    struct room room = { .count = 0 };
    struct coro_message message;
    int said = 0;
    while (coro_mailbox_receive(&message, CORO_FOREVER) == 0 && message.type != CLOSE) {
        switch (message.type) {
        case JOIN:
            if (room.count == MEMBERS_MAX) {
                coro_mailbox_reply_error(&message, ENOSPC);
                break;
            }
            room.members[room.count++] = message.from;
            coro_mailbox_reply(&message, &(struct coro_message){ .type = room.count });
            break;
        case SAY:
            said++;
            pass_on(&room, &message);
            break;
        default:
            leave(&room, message.from);
        }
    }
    return said;
}

/* Says hello, hears the others, and leaves; one just ends. */
static int be_member(coro_id room, struct coro_group *joined, const char *name, int polite)
{
    struct coro_message request = { .type = JOIN }, heard;
    int others = 0;
    if (coro_mailbox_call(room, &request, NULL, 10))
        return -1;
    coro_group_done(joined);
    coro_group_wait(joined, 10); /* all have come */
    coro_mailbox_send(room, &(struct coro_message){ .type = SAY, .data = (void *)name }, 10);
    while (others < MEMBERS - 1 && coro_mailbox_receive_type(SAY, &heard, 10) == 0)
        others += heard.data != name;
    if (polite)
        coro_mailbox_send(room, &(struct coro_message){ .type = LEAVE }, 10);
    return others;
}

int main(void)
{
    static const char *const names[MEMBERS] = { "Ada", "Barbara", "Frances", "Grace" };
    struct coro_group *joined = coro_group_new();
    struct coro_outcome outcomes[MEMBERS];
    coro_id room = coro_spawn(NULL, run_room, "i()"), members[MEMBERS];
    int said;

    coro_group_add(joined, MEMBERS);
    for (int i = 0; i < MEMBERS; i++)
        members[i] = coro_spawn(names[i], be_member, "i(Q,p,p,i)", room, joined, names[i], i > 0);
    coro_join_all(members, MEMBERS, CORO_FOREVER, outcomes);
    for (int i = 0; i < MEMBERS; i++)
        printf("%s heard %d\n", names[i], (int)outcomes[i].value.i);

    coro_mailbox_send(room, &(struct coro_message){ .type = SAY, .data = "to nobody" }, 10);
    coro_mailbox_send(room, &(struct coro_message){ .type = CLOSE }, 10);
    coro_join(room, CORO_FOREVER, &said);
    printf("%d things were said\n", said);
    return 0;
}
