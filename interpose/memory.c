/* Memory: thread stacks come from the arena; and whose memory a futex word is in. */
#include "interpose/op.h"

#include <linux/fcntl.h>
#include <linux/ioctl.h>
#include <linux/mman.h>

#include "runtime/stack.h"

#define RANGES_MAX 256

/* Address ranges that are private to this process for good: objects' data, main's stack. */
static struct {
    uintptr_t low[RANGES_MAX], high[RANGES_MAX];
    uint32_t count;
} own;

void memory_note_data(uintptr_t low, uintptr_t high)
{
    if (own.count < RANGES_MAX) {
        own.low[own.count] = low;
        own.high[own.count++] = high;
    }
}

void memory_note_main_stack(uintptr_t low, uintptr_t high)
{
    memory_note_data(low, high);
    if (runtime.main) {
        runtime.main->stack_base = low;
        runtime.main->stack_bytes = high - low;
    }
}

/* The word that a join waits on lies in the joinee's stack, wherever that came from. */
static bool is_tid_word(uintptr_t address)
{
    uint32_t tid = *(const uint32_t *)address;
    struct co *co = co_by_tid(tid);
    return co && (uintptr_t)co->clear_child_tid == address;
}

/* The first thread's stack was made before we were awake, so it is not in the arena; libc goes on
 * using it for later threads. */
static struct {
    uintptr_t low, high;
    uint32_t discards;
} first_stack;

#define DISCARD_EVERY 16U

void memory_note_first_stack(uintptr_t low, uintptr_t high)
{
    first_stack.low = low;
    first_stack.high = high;
}

static bool in_first_stack(uintptr_t address)
{
    return address >= first_stack.low && address < first_stack.high;
}

static void forget_first_stack(uintptr_t low, uintptr_t high)
{
    if (low < first_stack.high && first_stack.low < high)
        first_stack.low = first_stack.high = 0;
}

/* linux/fs.h since Linux 6.11. */
struct procmap_query {
    uint64_t size, query_flags, query_addr;
    uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
    uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
    uint64_t vma_name_addr, build_id_addr;
};
#define PROCMAP_QUERY _IOWR('f', 17, struct procmap_query)
#define VMA_WRITABLE  2U
#define VMA_SHARED    8U

#define MAPS_FD_NONE (-2) /* it could not be opened */

static int maps_fd(void)
{
    if (likely(runtime.maps_fd != -1))
        return runtime.maps_fd;
    long fd = sys3(__NR_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
    runtime.maps_fd = fd < 0 ? MAPS_FD_NONE : (int)fd_move_up(fd, fd_floor());
    return runtime.maps_fd;
}

/* What the program mapped as private is: no other process has such a page. The kernel is asked each time,
 * since a mapping may be any call's, also one from before we were awake, and another's tomorrow; while
 * somebody waits in it, it stays what it is. Before Linux 6.11 such memory counts as shared. */
static bool is_mapped_private(uintptr_t address)
{
    struct procmap_query query = { .size = sizeof(query), .query_addr = address };
    if (sys3(__NR_ioctl, maps_fd(), PROCMAP_QUERY, &query) != 0)
        return false;
    return !(query.vma_flags & VMA_SHARED) && (!query.inode || query.vma_flags & VMA_WRITABLE);
}

bool memory_is_private(uintptr_t address)
{
    if (stack_owns(address) || in_first_stack(address))
        return true;
    for (uint32_t i = 0; i < own.count; i++) {
        if (address >= own.low[i] && address < own.high[i])
            return true;
    }
    return is_tid_word(address) || is_mapped_private(address);
}

/* glibc's request for a thread stack with a guard. Memory asked for readable may be a program's own
 * stack, to be zeroed, discarded and unmapped in part like any other: the arena can't do that. */
static bool is_stack_request(const void *address, int protection, int flags, int fd)
{
    return !address && fd == -1 && protection == PROT_NONE &&
           flags == (MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK);
}

static long try_map_stack(size_t bytes)
{
    long at = fault_happens(FAULT_MEMORY) ? -ENOMEM : stack_map(bytes);
    return sys_is_error(at) ? sys6(__NR_mmap, NULL, bytes, PROT_NONE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)
                            : at;
}

/* When there is no room, threads that are about to end may make some. They have to run for that,
 * as they do on other processors while a program tries again. PARKS. */
static long map_stack(size_t bytes)
{
    long at = try_map_stack(bytes);
    if (at != -ENOMEM || list_empty(&this_carrier()->run_queue))
        return at;
    sched_yield_polling();
    return try_map_stack(bytes);
}

long op_mmap(void *address, size_t bytes, int protection, int flags, int fd, unsigned long offset)
{
    if (is_stack_request(address, protection, flags, fd))
        return map_stack(bytes);
    if (protection & PROT_EXEC && fd >= 0)
        runtime.objects_changed = true;
    (void)offset;
    return OP_PASS;
}

long op_mprotect(void *address, size_t bytes, int protection)
{
    if (stack_owns((uintptr_t)address))
        return stack_protect((uintptr_t)address, bytes, protection);
    return OP_PASS;
}

long op_munmap(void *address, size_t bytes)
{
    if (stack_owns((uintptr_t)address)) {
        long result = stack_unmap((uintptr_t)address, bytes);
        if (result != -EINVAL)
            return result;
    }
    forget_first_stack((uintptr_t)address, (uintptr_t)address + bytes);
    return OP_PASS;
}

long op_madvise(void *address, size_t bytes, int advice)
{
    if (advice == MADV_DONTNEED && stack_owns((uintptr_t)address))
        return stack_discard((uintptr_t)address, bytes);
    if (advice == MADV_DONTNEED && in_first_stack((uintptr_t)address) &&
        ++first_stack.discards % DISCARD_EVERY)
        return 0;
    return OP_PASS;
}
