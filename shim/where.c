/* coro_where: the program asks where its threads are.
 *
 * It asks on one of its own threads, so libc may be called; whoever holds malloc's lock is waited for as
 * by any other call. A parked thread's stack is read while it lies still: if the thread has run before
 * the walk was over, which only a preemption makes possible, the walk is made again. */
#include "shim/where.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interpose/look.h"
#include "runtime/arch/x86_64/registers.h"
#include "shim/where_internal.h"

#define TRIES       3
#define PAGE_COUNT  64   /* threads looked up at a time */
#define TEXT_BYTES  8192 /* of one thread, at first */
#define UNAVAILABLE "stack unavailable"

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char end[] __attribute__((visibility("hidden")));

struct text {
    char *out;
    size_t bytes, length;
};

static void append(struct text *text, const char *more)
{
    size_t length = strlen(more);

    if (text->length < text->bytes)
        snprintf(text->out + text->length, text->bytes - text->length, "%s", more);
    text->length += length;
}

/* The caller's own: the registers that calls keep are all that its callers' frames need. */
static void __attribute__((noinline)) unwind_own(struct where_stack *stack)
{
    uint64_t registers[STACK_REGISTERS] = { 0 };

    registers_here(registers);
    where_unwind(registers, stack);
}

/* False: no such thread. An empty stack: none to be had. */
static bool unwind_thread(uint64_t id, struct where_stack *stack)
{
    struct co_stack_info before, after;

    for (int i = 0; i < TRIES; i++) {
        if (!look_registers(id, &before))
            return false;
        if (before.registers[REGISTER_RIP] != 0)
            where_unwind(before.registers, stack);
        if (!look_registers(id, &after) || after.slices == before.slices)
            return true;
        stack->depth = 0;
    }
    return true;
}

static void write_names(const struct where_names *names, const struct where_stack *stack, bool own,
                        struct text *text)
{
    char name[512];

    for (size_t i = 0; i < stack->depth; i++) {
        uint64_t pc = stack->frame[i].pc;

        if (own && pc >= (uintptr_t)__ehdr_start && pc < (uintptr_t)end)
            continue; /* the question itself */
        own = false;
        if (where_name(names, pc, stack->frame[i].exact, name, sizeof(name)) == 0)
            continue;
        if (text->length > 0)
            append(text, " ");
        append(text, name);
    }
    if (text->length == 0)
        append(text, UNAVAILABLE);
}

static size_t describe(const struct where_names *names, uint64_t id, char *buffer, size_t bytes)
{
    struct where_stack *stack = calloc(1, sizeof(*stack));
    struct text text = { buffer, bytes, 0 };
    uint64_t own_id = look_own_id();
    bool own = id == own_id || (own_id == 0 && id == 1);

    if (bytes > 0)
        buffer[0] = '\0';
    if (stack == NULL) {
        append(&text, UNAVAILABLE);
        return text.length;
    }
    if (own)
        unwind_own(stack);
    if (own || unwind_thread(id, stack))
        write_names(names, stack, own, &text);
    free(stack);
    return text.length;
}

size_t where_thread(uint64_t id, char *buffer, size_t bytes)
{
    struct where_names names;
    int error = errno;
    size_t length;

    where_names_open(&names);
    length = describe(&names, id, buffer, bytes);
    where_names_close(&names);
    errno = error;
    return length;
}

void where_function(uintptr_t address, char *buffer, size_t bytes)
{
    struct where_names names;
    int error = errno;

    where_names_open(&names);
    if (where_name(&names, address, true, buffer, bytes) == 0)
        snprintf(buffer, bytes, "[0x%lx]", address);
    where_names_close(&names);
    errno = error;
}

/* Into *text, which grows. */
static int describe_whole(const struct where_names *names, uint64_t id, char **text, size_t *bytes)
{
    size_t length = describe(names, id, *text, *bytes);

    if (length < *bytes)
        return length > 0 ? 1 : 0;
    char *longer = realloc(*text, length + 1);
    if (longer == NULL)
        return -ENOMEM;
    *text = longer;
    *bytes = length + 1;
    return describe(names, id, longer, length + 1) > 0;
}

static long visit_page(const struct where_names *names, const struct co_info *threads, size_t count,
                       where_visitor *each, void *context)
{
    size_t bytes = TEXT_BYTES;
    char *text = malloc(bytes);
    long visited = 0;

    for (size_t i = 0; i < count && visited >= 0; i++) {
        int there = text != NULL ? describe_whole(names, threads[i].id, &text, &bytes) : -ENOMEM;

        if (there > 0)
            each(context, threads[i].id, threads[i].name, text);
        visited = there < 0 ? there : visited + there;
    }
    free(text);
    return visited;
}

long where_all(where_visitor *each, void *context)
{
    struct co_info *threads = calloc(PAGE_COUNT, sizeof(*threads));
    struct where_names names;
    uint64_t after_id = 0;
    long visited = 0, result;
    int error = errno;
    size_t count;

    if (threads == NULL)
        return -ENOMEM;
    where_names_open(&names);
    if (look_own_id() == 0)
        visited = visit_page(&names, &(struct co_info){ .id = 1 }, 1, each, context);
    while (visited >= 0 && (count = look_threads(after_id, threads, PAGE_COUNT)) > 0) {
        after_id = threads[count - 1].id;
        result = visit_page(&names, threads, count, each, context);
        visited = result < 0 ? result : visited + result;
    }
    where_names_close(&names);
    free(threads);
    errno = error;
    return visited;
}
