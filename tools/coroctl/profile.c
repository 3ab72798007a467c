/* The tree of a profile, and its folded form. */
#include "tools/coroctl/profile.h"

#include <errno.h>
#include <error.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/frames.h"

static void *must(void *memory)
{
    if (memory == NULL)
        error(EXIT_FAILED, errno, "memory");
    return memory;
}

struct profile_node *profile_new(void)
{
    return must(calloc(1, sizeof(struct profile_node)));
}

void profile_free(struct profile_node *root)
{
    while (root->first != NULL) {
        struct profile_node *child = root->first;

        root->first = child->next;
        profile_free(child);
    }
    free(root->name);
    free(root);
}

/* The child of this name, made on demand; children stand in the order of their names. */
static struct profile_node *child_of(struct profile_node *parent, const char *name)
{
    struct profile_node **at = &parent->first, *child;

    while (*at != NULL && strcmp((*at)->name, name) < 0)
        at = &(*at)->next;
    if (*at != NULL && strcmp((*at)->name, name) == 0)
        return *at;
    child = profile_new();
    child->name = must(strdup(name));
    for (char *c = child->name; *c != '\0'; c++)
        if (*c == ';' || *c == '\n')
            *c = ':'; /* they mean something in the folded form */
    child->next = *at;
    *at = child;
    return child;
}

static const char *frame_name(const struct frame *frame, char *text, size_t size)
{
    if (frame->function != NULL)
        return frame->function;
    if (frame->object != NULL)
        snprintf(text, size, "[%s]", frame->object);
    else
        snprintf(text, size, "[unknown]");
    return text;
}

void profile_add(struct profile_node *root, const char *thread, const struct stack *stack,
                 const char *leaf, uint64_t samples)
{
    struct profile_node *node = child_of(root, thread);
    struct frames frames = frames_of(stack, false);
    char text[128];

    root->total += samples;
    node->total += samples;
    for (size_t i = frames.count; i-- > 0;) {
        node = child_of(node, frame_name(frames.items[i].frame, text, sizeof(text)));
        node->total += samples;
    }
    if (leaf != NULL) {
        node = child_of(node, leaf);
        node->total += samples;
    }
    node->own += samples;
}

static void write_below(FILE *out, const struct profile_node *node, const char *path)
{
    char *here = NULL;

    if (asprintf(&here, "%s%s%s", path, path[0] != '\0' ? ";" : "", node->name) < 0)
        error(EXIT_FAILED, errno, "memory");
    if (node->own > 0)
        fprintf(out, "%s %lu\n", here, node->own);
    for (const struct profile_node *child = node->first; child != NULL; child = child->next)
        write_below(out, child, here);
    free(here);
}

void profile_write_folded(FILE *out, const struct profile_node *root)
{
    for (const struct profile_node *child = root->first; child != NULL; child = child->next)
        write_below(out, child, "");
}

static void add_before(struct profile_node *root, char *path, uint64_t samples)
{
    struct profile_node *node = root;
    char *rest = path, *name;

    root->before += samples;
    while ((name = strsep(&rest, ";")) != NULL) {
        node = child_of(node, name);
        node->before += samples;
    }
}

int profile_read_before(const char *path, struct profile_node *root)
{
    FILE *in = fopen(path, "r");
    char *line = NULL, *space, *end;
    size_t size = 0, number = 0;
    int result = 0;

    if (in == NULL) {
        error(0, errno, "%s", path);
        return -1;
    }
    while (result == 0 && getline(&line, &size, in) > 0) {
        uint64_t samples;

        number++;
        space = strrchr(line, ' ');
        samples = space != NULL ? strtoul(space + 1, &end, 10) : 0;
        if (space == NULL || end == space + 1 || (*end != '\n' && *end != '\0')) {
            error(0, 0, "%s:%zu: not a folded stack and a count", path, number);
            result = -1;
            break;
        }
        *space = '\0';
        add_before(root, line, samples);
    }
    free(line);
    fclose(in);
    return result;
}
