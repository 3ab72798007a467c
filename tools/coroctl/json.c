/* The JSON of threads: coroctl(1) documents every key, so keys are only ever added.
 *
 * Written thread by thread, for a million of them would not fit in memory as one jansson value.
 * Addresses are strings, because many readers keep numbers as doubles. What does not apply to a
 * thread is absent. */
#include "tools/coroctl/json.h"

#include <errno.h>
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/frames.h"
#include "tools/coroctl/text.h"

void json_add(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        error(EXIT_FAILED, ENOMEM, "JSON");
}

json_t *json_document(pid_t pid)
{
    json_t *document = json_object();

    json_add(document, "schema", json_integer(JSON_SCHEMA));
    if (pid >= 0)
        json_add(document, "pid", json_integer(pid));
    return document;
}

void json_print_document(json_t *document)
{
    json_dumpf(document, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    fflush(stdout);
    json_decref(document);
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
    json_add(object, key, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    json_add(object, key, text_json(text));
}

static void set_address(json_t *object, const char *key, uint64_t address)
{
    json_add(object, key, json_sprintf("0x%lx", address));
}

static void set_descriptor(json_t *wait, const struct threads *threads,
                           const struct co_info *thread)
{
    char *target;

    if (thread->wait_fd < 0)
        return;
    set_number(wait, "fd", (uint64_t)thread->wait_fd);
    if (thread->peer[0] != '\0')
        set_text(wait, "peer", thread->peer);
    target = descriptor_target(threads->pid, thread->wait_fd);
    if (target != NULL)
        set_text(wait, "target", target);
    free(target);
}

static void set_owner(json_t *wait, const struct threads *threads, const struct co_info *thread)
{
    const struct co_info *owner = threads_by_tid(threads, thread->wait_owner_tid);

    if (thread->wait_owner_tid == 0)
        return;
    set_number(wait, "owner_tid", thread->wait_owner_tid);
    if (owner != NULL)
        set_number(wait, "owner_id", owner->id);
}

static json_t *wait_object(const struct threads *threads, const struct co_info *thread)
{
    const char *call = system_call_name(thread->wait_nr);
    json_t *wait = json_object();

    set_text(wait, "on", wait_word(thread->wait_kind));
    set_descriptor(wait, threads, thread);
    if (thread->wait_kind == WAIT_POLL)
        set_number(wait, "descriptors", thread->wait_count);
    if (thread->wait_kind == WAIT_RWLOCK && thread->wait_owner_tid == 0)
        set_number(wait, "readers", thread->wait_count);
    if (thread->wait_addr != 0)
        set_address(wait, "address", thread->wait_addr);
    set_owner(wait, threads, thread);
    if (thread->wait_kind == WAIT_CHILD && thread->wait_pid > 0)
        set_number(wait, "child_pid", (uint64_t)thread->wait_pid);
    if (thread->wait_kind == WAIT_OFFLOAD && thread->wait_nr != UINT32_MAX) {
        set_number(wait, "system_call_number", thread->wait_nr);
        if (call != NULL)
            set_text(wait, "system_call", call);
    }
    if (thread->wait_left_ns != UINT64_MAX)
        set_number(wait, "left_ns", thread->wait_left_ns);
    if (thread->wait_over_ns > 0)
        set_number(wait, "over_ns", thread->wait_over_ns);
    return wait;
}

static json_t *thread_object(const struct threads *threads, const struct co_info *thread)
{
    json_t *object = json_object();

    if (object == NULL)
        error(EXIT_FAILED, ENOMEM, "JSON");
    set_number(object, "id", thread->id);
    if (thread->creator_id != 0)
        set_number(object, "creator_id", thread->creator_id);
    if (thread->tid != 0)
        set_number(object, "tid", thread->tid);
    set_text(object, "name", thread->name);
    set_text(object, "state", state_word(thread->state));
    set_number(object, "state_ns", thread->state_ns);
    if (thread->wait_kind != WAIT_NONE)
        json_add(object, "wait", wait_object(threads, thread));
    set_number(object, "cpu_ns", thread->cpu_ns);
    set_number(object, "slices", thread->slices);
    set_number(object, "preemptions", thread->preemptions);
    set_number(object, "waits", thread->waits);
    set_number(object, "io_calls", thread->io_calls);
    set_number(object, "selfishness", thread->selfishness);
    json_add(object, "own_selfishness", json_boolean(thread->own_selfishness));
    if (thread->stack_bytes != 0) {
        set_address(object, "stack_base", thread->stack_base);
        set_number(object, "stack_bytes", thread->stack_bytes);
        set_number(object, "stack_used_bytes", thread->stack_used_bytes);
    }
    return object;
}

static json_t *frame_object(const struct frame *frame, uint64_t pc)
{
    json_t *object = json_object();

    if (frame->function != NULL)
        set_text(object, "function", frame->function);
    if (frame->file != NULL) {
        set_text(object, "file", frame->file);
        set_number(object, "line", (uint64_t)frame->line);
    }
    if (frame->object != NULL) {
        set_text(object, "object", frame->object);
        set_number(object, "offset", frame->offset);
    }
    set_address(object, "pc", pc);
    if (frame->inlined)
        json_add(object, "inlined", json_true());
    return object;
}

json_t *json_frames(const struct stack *stack, bool all_frames)
{
    struct frames frames = frames_of(stack, all_frames);
    json_t *array = json_array();

    for (size_t i = 0; i < frames.count; i++)
        if (json_array_append_new(array, frame_object(frames.items[i].frame, frames.items[i].pc)) !=
            0)
            error(EXIT_FAILED, ENOMEM, "JSON");
    return array;
}

static void print_head(FILE *out, const struct threads *threads)
{
    fprintf(out, "{\"schema\":%d,\"pid\":%d,\"threads\":[", JSON_SCHEMA, (int)threads->pid);
}

static void print_object(FILE *out, json_t *object, bool first)
{
    fputs(first ? "\n" : ",\n", out);
    json_dumpf(object, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
}

void json_print_threads(FILE *out, const struct threads *threads)
{
    print_head(out, threads);
    for (size_t i = 0; i < threads->count; i++)
        print_object(out, thread_object(threads, &threads->items[i]), i == 0);
    fputs("]}\n", out);
}

static json_t *held_array(const struct held_lock *locks, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();

        set_text(object, "on", wait_word(locks[i].kind));
        set_address(object, "address", locks[i].address);
        set_address(object, "taken_pc", locks[i].pc);
        set_number(object, "held_ns", locks[i].held_ns);
        if (json_array_append_new(array, object) != 0)
            error(EXIT_FAILED, ENOMEM, "JSON");
    }
    return array;
}

void json_print_stacks(FILE *out, const struct threads *threads, const struct held *held,
                       const struct stacks *stacks, bool all_frames)
{
    bool first = true;

    print_head(out, threads);
    for (size_t i = 0; i < threads->count; i++) {
        const struct stack *stack = stacks_by_id(stacks, threads->items[i].id);
        const struct held_lock *locks;
        size_t count;
        json_t *object;

        if (stack == NULL)
            continue;
        object = thread_object(threads, &threads->items[i]);
        locks = held_by(held, threads->items[i].tid, &count);
        if (count > 0)
            json_add(object, "holds", held_array(locks, count));
        json_add(object, "frames", json_frames(stack, all_frames));
        print_object(out, object, first);
        first = false;
    }
    fputs("]}\n", out);
}
