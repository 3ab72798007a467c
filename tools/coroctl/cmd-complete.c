/* coroctl complete: what may follow on a command line, for the shells' completions.
 *
 * A line for each possible word, then a tab and what it means, all from the tables that commands and
 * options come from; or ":files", where a file name is wanted. Asking must not disturb: nothing is
 * said on standard error, and where there is no answer there is none. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/process.h"
#include "tools/coroctl/setting.h"
#include "tools/coroctl/text.h"
#include "tools/coroctl/threads.h"
#include "tools/coroctl/top.h"

#define SIGNALS    65
#define WORD_BYTES 64

struct line {
    const struct command *command;
    char **words;        /* after "coroctl", the last one unfinished */
    const char *current; /* that one, or its part after "--option=" */
    size_t prefix;       /* length of "--option=" */
    char *process;       /* what -p says; NULL: nothing */
};

static void offer(const struct line *line, const char *word, const char *meaning)
{
    if (strncmp(word, line->current, strlen(line->current)) != 0)
        return;
    printf("%.*s", (int)line->prefix, line->current - line->prefix);
    print_escaped(stdout, word);
    putchar('\t');
    print_escaped(stdout, meaning);
    putchar('\n');
}

static void offer_commands(const struct line *line)
{
    for (const struct command *const *at = commands_all(); *at != NULL; at++)
        if (!(*at)->is_hidden)
            offer(line, (*at)->name, (*at)->summary);
    offer(line, "help", "explain a command");
}

static void offer_processes(const struct line *line)
{
    struct process_list list = process_find(0);

    for (size_t i = 0; i < list.count; i++) {
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", (int)list.items[i].pid);
        offer(line, pid, list.items[i].name);
        offer(line, list.items[i].name, "by name");
    }
    process_list_free(&list, NULL);
}

static void offer_threads(const struct line *line)
{
    static struct connection connection;
    struct threads threads;

    if (connection_choose(line->process, &connection) != EXIT_OK ||
        threads_fetch(&connection, &threads) != EXIT_OK)
        return;
    for (size_t i = 0; i < threads.count; i++) {
        char id[24];

        snprintf(id, sizeof(id), "%lu", threads.items[i].id);
        offer(line, id, threads.items[i].name);
    }
    threads_free(&threads);
}

/* @to_change: as NAME=, those that may change while the program runs. */
static void offer_settings(const struct line *line, bool to_change)
{
    static struct connection connection;
    struct setting setting;
    uint32_t count;

    if (connection_choose(line->process, &connection) != EXIT_OK ||
        settings_fetch(&connection, &count) != EXIT_OK)
        return;
    for (uint32_t i = 0; i < count; i++) {
        char word[SETTING_NAME_BYTES + 1], *name = word + strlen("CORO_");

        setting = settings_at(&connection, i);
        if (strncmp(setting.name, "CORO_", strlen("CORO_")) != 0 ||
            (to_change && !setting.changeable))
            continue;
        snprintf(word, sizeof(word), "%s%s", setting.name, to_change ? "=" : "");
        for (char *c = name; *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c += 'a' - 'A';
        offer(line, name, setting.range);
    }
}

static void offer_signals(const struct line *line)
{
    for (int number = 1; number < SIGNALS; number++)
        if (sigabbrev_np(number) != NULL)
            offer(line, sigabbrev_np(number), sigdescr_np(number));
}

static void offer_orders(const struct line *line)
{
    for (enum top_order order = 0; order < TOP_ORDERS; order++)
        offer(line, top_order_word(order), "");
}

/* By what the usage line calls it. */
static void offer_value(const struct line *line, const char *kind)
{
    if (strcmp(kind, "PID|NAME") == 0)
        offer_processes(line);
    else if (strcmp(kind, "ID") == 0)
        offer_threads(line);
    else if (strcmp(kind, "SIGNAL") == 0)
        offer_signals(line);
    else if (strcmp(kind, "NAME") == 0)
        offer_settings(line, false);
    else if (strcmp(kind, "NAME=VALUE") == 0)
        offer_settings(line, true);
    else if (strcmp(kind, "ORDER") == 0)
        offer_orders(line);
    else if (strcmp(kind, "FILE") == 0 || strcmp(kind, "OLD") == 0)
        puts(":files");
}

/* The option that @word is, whole or up to '='; NULL: none of the command's. */
static const struct argp_option *find_option(const struct command *command, const char *word)
{
    size_t length = strcspn(word, "=");

    for (const struct argp_option *option = command->options; option->name != NULL; option++) {
        bool is_letter = option->key > ' ' && option->key < 0x7f;

        if (is_letter && word[0] == '-' && word[1] == (char)option->key && word[2] == '\0')
            return option;
        if (length > 2 && strncmp(word, "--", 2) == 0 &&
            strncmp(word + 2, option->name, length - 2) == 0 && option->name[length - 2] == '\0')
            return option;
    }
    return NULL;
}

static void offer_options(const struct line *line)
{
    for (const struct argp_option *option = line->command->options; option->name != NULL;
         option++) {
        char word[WORD_BYTES];

        if (option->flags & OPTION_HIDDEN)
            continue;
        snprintf(word, sizeof(word), "--%s%s", option->name, option->arg != NULL ? "=" : "");
        offer(line, word, option->doc);
        snprintf(word, sizeof(word), "-%c", option->key);
        if (option->key > ' ' && option->key < 0x7f)
            offer(line, word, option->doc);
    }
    offer(line, "--help", "Explain the command");
}

/* The @place-th word of the usage line's arguments, without brackets; the last one may come again. */
static void argument_kind(const char *arguments, size_t place, char kind[WORD_BYTES])
{
    kind[0] = '\0';
    while (arguments != NULL && *arguments != '\0') {
        size_t length = strcspn(arguments, " ");
        bool again = length > 3 && strstr(arguments, "...") < arguments + length &&
                     strstr(arguments, "...") != NULL;

        if (place == 0 || again) {
            size_t start = arguments[0] == '[';

            snprintf(kind, WORD_BYTES, "%.*s", (int)strcspn(arguments + start, " .]"),
                     arguments + start);
            return;
        }
        place--;
        arguments += length + (arguments[length] == ' ');
    }
}

/* Follows the words up to the last; returns how many arguments came before it, or sets @option: the
 * last word is the value of that one. */
static size_t follow(struct line *line, const struct argp_option **option)
{
    size_t arguments = 0;

    *option = NULL;
    for (char **word = line->words + 1; word[1] != NULL; word++) {
        const struct argp_option *now = *option;

        if (now != NULL && now->key == 'p')
            line->process = *word;
        *option = NULL;
        if (now != NULL)
            continue;
        now = find_option(line->command, *word);
        if ((*word)[0] != '-')
            arguments++;
        else if (now != NULL && now->arg != NULL && strchr(*word, '=') == NULL)
            *option = now;
        else if (now != NULL && now->key == 'p')
            line->process = strchr(*word, '=') + 1;
    }
    return arguments;
}

static void complete_command(struct line *line)
{
    const struct argp_option *option;
    const char *equals = strchr(line->current, '=');
    size_t place = follow(line, &option);
    char kind[WORD_BYTES];

    if (option == NULL && strncmp(line->current, "--", 2) == 0 && equals != NULL) {
        option = find_option(line->command, line->current);
        line->prefix = (size_t)(equals + 1 - line->current);
        line->current = equals + 1;
    }
    if (option != NULL && option->arg != NULL) {
        offer_value(line, option->arg);
    } else if (line->current[0] == '-') {
        offer_options(line);
    } else {
        argument_kind(line->command->arguments, place, kind);
        offer_value(line, kind);
    }
}

static int complete_run(const struct settings *settings)
{
    struct line line = { .words = settings->arguments };
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char **last = line.words;

    if (line.words[0] == NULL)
        return EXIT_OK;
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
    while (last[1] != NULL)
        last++;
    line.current = *last;
    if (last == line.words || (last == line.words + 1 && strcmp(line.words[0], "help") == 0)) {
        offer_commands(&line);
        return EXIT_OK;
    }
    for (const struct command *const *at = commands_all(); *at != NULL; at++)
        if (strcmp((*at)->name, line.words[0]) == 0)
            line.command = *at;
    if (line.command != NULL)
        complete_command(&line);
    return EXIT_OK;
}

static const struct argp_option complete_options[] = { { 0 } };

const struct command command_complete = {
    .name = "complete",
    .arguments = "-- WORD...",
    .summary = "say what may follow on the command line, for shells",
    .is_hidden = true,
    .options = complete_options,
    .run = complete_run,
};
