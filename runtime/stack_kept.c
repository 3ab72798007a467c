/* Stacks that are copied on the spot: that of the running thread, which only its own kernel thread can
 * tell, and the one that a report is about.
 *
 * The running thread is asked: a kick makes the carrier's handler keep registers and the top of
 * the stack here. The handler works with all signals blocked, takes no lock (who asks may hold
 * all_lock) and allocates nothing. */
#include "runtime/arch/x86_64/registers.h"
#include "runtime/monitor.h"
#include "runtime/snapshot.h"
#include "runtime/stack_info.h"

#define GIVE_BYTES   (32 * 1024U) /* of a stack */
#define GIVE_WAIT_NS (200 * NSEC_PER_USEC)
#define GIVE_WAITS   100

volatile uint32_t snapshot_wanted;

struct given {
    uint64_t id; /* 0: nothing kept */
    uint64_t slices;
    uint64_t registers[STACK_REGISTERS];
    uint32_t memory_bytes;
    unsigned char memory[GIVE_BYTES];
};

static struct given given; /* by the running thread, a moment ago */
static struct given kept;  /* for a report, until the next one */

void co_registers_of_context(const uint64_t *context, uint64_t *registers)
{
    static const uint8_t place[STACK_REGISTERS] = { 13, 12, 14, 11, 9, 8, 10, 15, 0,
                                                    1,  2,  3,  4,  5, 6, 7,  16 };
    for (int i = 0; i < STACK_REGISTERS; i++)
        registers[i] = context[place[i]];
}

/* The registers are there already. */
static void give(struct given *to, const struct co *co)
{
    uintptr_t sp = to->registers[REGISTER_RSP];
    to->memory_bytes =
        (uint32_t)co_memory(to->memory, sp, stack_used_bytes(co, sp, sizeof(to->memory)));
    to->slices = co->slices;
    to->id = co->id;
}

void snapshot_give(const uint64_t *context)
{
    const struct co *co = runtime.carrier.current;
    if (co) {
        co_registers_of_context(context, given.registers);
        give(&given, co);
    }
    __atomic_store_n(&snapshot_wanted, 0, __ATOMIC_RELEASE);
}

/* Not inlined: the caller's frame must stand while its stack is copied. */
NOINLINE void co_stack_keep(const uint64_t *registers)
{
    kept.id = 0;
    memset(kept.registers, 0, sizeof(kept.registers));
    if (registers)
        memcpy(kept.registers, registers, sizeof(kept.registers));
    else
        registers_here(kept.registers);
    give(&kept, runtime.carrier.current);
}

/* Makes the carrier give the running thread's state; it keeps it until the next time. */
static void ask_running(void)
{
    given.id = 0;
    if (runtime.carrier.idle || !runtime.carrier.current)
        return;
    __atomic_store_n(&snapshot_wanted, 1, __ATOMIC_RELEASE);
    monitor_kick();
    for (int i = 0; i < GIVE_WAITS && __atomic_load_n(&snapshot_wanted, __ATOMIC_ACQUIRE); i++) {
        struct __kernel_timespec pause = ns_timespec(GIVE_WAIT_NS);
        sys2(__NR_nanosleep, &pause, NULL);
    }
    /* Too late now: the handler must not write while we read. */
    if (__atomic_exchange_n(&snapshot_wanted, 0, __ATOMIC_ACQ_REL))
        given.id = 0;
}

/* As a record, of which @max bytes of memory are wanted at most. */
static size_t copy_given(const struct given *from, struct co_stack_info *info, size_t max)
{
    memset(info, 0, sizeof(*info));
    info->id = from->id;
    info->state = CO_RUNNING;
    info->slices = from->slices;
    info->memory_bytes = (uint32_t)(from->memory_bytes < max ? from->memory_bytes : max);
    memcpy(info->registers, from->registers, sizeof(info->registers));
    memcpy(info + 1, from->memory, info->memory_bytes);
    return stack_record_bytes(info);
}

size_t stack_of_running(uint64_t id, struct co_stack_info *info, size_t max)
{
    ask_running();
    return given.id && (!id || id == given.id) ? copy_given(&given, info, max) : 0;
}

size_t stack_of_kept(struct co_stack_info *info, size_t max)
{
    return kept.id ? copy_given(&kept, info, max) : 0;
}

uint64_t co_stack_keep_running(void)
{
    ask_running();
    if (given.id)
        kept = given;
    return given.id;
}
