/* See setting.h. */
#include "tools/coroctl/setting.h"

#include <error.h>
#include <stdio.h>
#include <string.h>

#include "shim/conf.h"
#include "tools/coroctl/command.h"

#define PREFIX "CORO_"

void setting_full_name(const char *name, char full[SETTING_NAME_BYTES])
{
    const char *rest =
        strncasecmp(name, PREFIX, strlen(PREFIX)) == 0 ? name + strlen(PREFIX) : name;

    snprintf(full, SETTING_NAME_BYTES, "%s%s", PREFIX, strcmp(name, "CORO") == 0 ? "" : rest);
    for (char *c = full; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c += 'A' - 'a';
        else if (*c == '-')
            *c = '_';
    if (strcmp(name, "CORO") == 0)
        full[strlen("CORO")] = '\0';
}

/* Copies setting number @i of the reply; what a library of another release lacks is zero. */
struct setting settings_at(const struct connection *connection, uint32_t i)
{
    const struct get_reply *reply = (const struct get_reply *)connection->body;
    struct setting setting = { 0 };
    size_t bytes = reply->record_bytes < sizeof(setting) ? reply->record_bytes : sizeof(setting);

    memcpy(&setting, connection->body + sizeof(*reply) + (size_t)i * reply->record_bytes, bytes);
    setting.name[sizeof(setting.name) - 1] = '\0';
    setting.value[sizeof(setting.value) - 1] = '\0';
    setting.range[sizeof(setting.range) - 1] = '\0';
    return setting;
}

int settings_fetch(struct connection *connection, uint32_t *count)
{
    const struct get_reply *reply = (const struct get_reply *)connection->body;
    int code = connection_ask(connection, FRAME_GET, NULL, 0, sizeof(*reply));

    if (code != EXIT_OK)
        return code;
    if (reply->record_bytes == 0 ||
        (connection->body_bytes - sizeof(*reply)) / reply->record_bytes < reply->count) {
        error(0, 0, "process %d answers nonsense: is it coroshim's?", (int)connection->pid);
        return EXIT_PROTOCOL;
    }
    *count = reply->count;
    return EXIT_OK;
}

bool setting_find(const struct connection *connection, uint32_t count, const char *full,
                  struct setting *setting)
{
    for (uint32_t i = 0; i < count; i++) {
        *setting = settings_at(connection, i);
        if (strcmp(setting->name, full) == 0)
            return true;
    }
    return false;
}

/* As shim/conf.c does, and from the same rows. */
void setting_explain(const char *full, char *why, size_t size)
{
    const struct conf_variable *nearest = conf_nearest(full, strlen(full));

    if (conf_find(full, strlen(full)) != NULL)
        snprintf(why, size, "no setting of a process");
    else if (nearest != NULL)
        snprintf(why, size, "unknown variable; did you mean %s?", nearest->name);
    else
        snprintf(why, size, "unknown variable; see coroctl get");
}
