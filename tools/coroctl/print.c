/* Threads and their stacks for people. */
#include "tools/coroctl/print.h"

#include <string.h>

#include "tools/coroctl/frames.h"
#include "tools/coroctl/text.h"

#define LINE_FRAMES 48

static void print_frame(FILE *out, const struct frame *frame, uint64_t pc, int number)
{
    fprintf(out, "  #%-3d", number);
    if (frame->function != NULL)
        print_escaped(out, frame->function);
    else
        fprintf(out, "0x%lx", pc);
    if (frame->file != NULL) {
        fputs(" at ", out);
        print_escaped(out, frame->file);
        fprintf(out, ":%d", frame->line);
    } else if (frame->object != NULL) {
        fputs(" (", out);
        print_escaped(out, frame->object);
        fprintf(out, "+0x%lx)", frame->offset);
    }
    fputs(frame->inlined ? " (inlined)\n" : "\n", out);
}

void print_stack(FILE *out, const struct stack *stack, bool all_frames)
{
    struct frames frames = frames_of(stack, all_frames);

    for (size_t i = 0; i < frames.count; i++)
        print_frame(out, frames.items[i].frame, frames.items[i].pc, (int)i);
    if (frames.count == 0)
        fputs(stack->depth > 0 ? "  (in coroshim itself)\n"
                               : "  (no registers: it keeps switching)\n",
              out);
}

/* "folder/file" of a path. */
static const char *short_path(const char *path)
{
    const char *slash = strrchr(path, '/');

    while (slash != NULL && slash > path && slash[-1] != '/')
        slash--;
    return slash != NULL && slash > path ? slash : path;
}

static void print_short_frame(const struct visible_frame *visible)
{
    const struct frame *frame = visible->frame;

    putchar('[');
    if (frame->file != NULL) {
        print_escaped(stdout, short_path(frame->file));
        putchar(' ');
    } else if (frame->object != NULL) {
        print_escaped(stdout, frame->object);
        putchar(frame->function != NULL ? ' ' : '+');
    }
    if (frame->function != NULL)
        print_escaped(stdout, frame->function);
    else
        printf("0x%lx", frame->object != NULL ? frame->offset : visible->pc);
    if (frame->file != NULL)
        printf("|%d]", frame->line);
    else if (frame->function != NULL)
        printf("+0x%lx]", frame->offset);
    else
        putchar(']');
}

/* How many frames from the @first on are the same: a recursion. */
static size_t repeated(const struct frames *frames, size_t first)
{
    size_t i = first + 1;

    while (i < frames->count && frames->items[i].pc == frames->items[first].pc &&
           frames->items[i].frame == frames->items[first].frame)
        i++;
    return i - first;
}

void print_stack_line(const struct stack *stack)
{
    struct frames frames = { 0 };
    size_t i = 0, times;

    if (stack != NULL)
        frames = frames_of(stack, false);
    if (frames.count == 0)
        fputs("stack unavailable", stdout);
    for (size_t printed = 0; i < frames.count && printed < LINE_FRAMES; printed++, i += times) {
        times = repeated(&frames, i);
        if (i > 0)
            putchar(' ');
        print_short_frame(&frames.items[i]);
        if (times > 1)
            printf(" x %zu", times);
    }
    if (i < frames.count)
        printf(" and %zu more", frames.count - i);
    if (stack != NULL && stack->depth == STACK_DEPTH_MAX)
        fputs(" ...", stdout);
}

void print_call_site(uint64_t pc)
{
    const struct place *place = image_place(pc, false);

    print_short_frame(&(struct visible_frame){ &place->frames[0], pc });
}

void print_taken(const struct held_lock *lock)
{
    fputs(", taken ", stdout);
    print_duration(stdout, lock->held_ns);
    fputs(" ago at ", stdout);
    print_call_site(lock->pc);
}

/* The locks that other threads wait for and @thread holds, and those that it holds in peace. */
static void print_held(const struct threads *threads, const struct co_info *thread,
                       const struct held *held)
{
    size_t count;
    const struct held_lock *locks = held_by(held, thread->tid, &count);

    for (size_t i = 0; i < threads->count; i++) {
        const struct co_info *other = &threads->items[i];

        if ((other->wait_kind == WAIT_MUTEX || other->wait_kind == WAIT_RWLOCK) &&
            other->wait_owner_tid != 0 && other->wait_owner_tid == thread->tid)
            printf("  holds %s 0x%lx, which thread %lu waits for\n", wait_word(other->wait_kind),
                   other->wait_addr, other->id);
    }
    for (size_t i = 0; i < count; i++) {
        printf("  holds %s 0x%lx", wait_word(locks[i].kind), locks[i].address);
        print_taken(&locks[i]);
        putchar('\n');
    }
}

void print_doing(const struct threads *threads, const struct co_info *thread)
{
    fputs(state_word(thread->state), stdout);
    if (thread->wait_kind != WAIT_NONE) {
        fputs(" on ", stdout);
        print_wait_on(stdout, threads, thread);
    }
    fputs(" for ", stdout);
    print_duration(stdout, thread->state_ns);
    if (thread->wait_kind != WAIT_NONE && thread->wait_left_ns != UINT64_MAX) {
        fputs(", ", stdout);
        print_duration(stdout, thread->wait_left_ns);
        fputs(" left", stdout);
    }
}

void print_name(const struct co_info *thread)
{
    printf("thread %lu (tid %u, ", thread->id, thread->tid);
    print_escaped(stdout, thread->name[0] != '\0' ? thread->name : "unnamed");
    if (thread->creator_id != 0)
        printf(", created by %lu", thread->creator_id);
    putchar(')');
}

void print_thread(const struct threads *threads, const struct co_info *thread,
                  const struct held *held, const struct stack *stack, bool all_frames)
{
    print_name(thread);
    fputs(": ", stdout);
    print_doing(threads, thread);
    putchar('\n');
    print_held(threads, thread, held);
    print_stack(stdout, stack, all_frames);
}
