/* Memory of the gate: growable arrays for the planning, a pool for what lives for ever, and stub
 * memory within reach of the text that jumps into it.
 *
 * Below the gate: raw system calls only. Nothing here is shared: the callers (gate_arm, gate_open,
 * gate_refresh) exclude each other, so the pool needs no lock.
 *
 * A stub must lie within ±2 GiB of its site and of all data of the object that a displaced
 * instruction may name. A mapping wished for just below the object nearly always lands there or
 * close by (the kernel maps top-down, where the libraries are). When it does not, we read
 * /proc/self/maps and take the nearest free range. */
#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "runtime/sys.h"
#include "shim/gate/internal.h"

#define STACK_ROOM_BYTES  (64UL << 20) /* what the main stack may grow by */
#define ARRAY_FIRST_BYTES 16384UL
#define POOL_CHUNK_BYTES  65536UL
#define POOL_FIRST_BYTES  8192UL /* enough for gate_arm: saves each process a mapping */
#define MAPS_BUFFER_BYTES 4096UL

static long map_anonymous(uintptr_t wish, size_t bytes, int flags)
{
    return sys6(__NR_mmap, wish, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
                -1, 0);
}

void gate_copy(void *to, const void *from, size_t bytes)
{
    unsigned char *out = to;
    const unsigned char *in = from;
    while (bytes-- > 0) {
        *out++ = *in++;
        barrier(); /* or the compiler makes it a call of memcpy */
    }
}

static bool array_grow(struct gate_array *array)
{
    size_t bytes = array->capacity_bytes ? array->capacity_bytes * 2 : ARRAY_FIRST_BYTES;
    long memory;
    if (array->data)
        memory = sys4(__NR_mremap, array->data, array->capacity_bytes, bytes, MREMAP_MAYMOVE);
    else
        memory = map_anonymous(0, bytes, 0);
    if (sys_is_error(memory))
        return false;
    array->data = (void *)memory;
    array->capacity_bytes = bytes;
    return true;
}

void *gate_array_push(struct gate_array *array, size_t bytes)
{
    if ((array->count + 1) * bytes > array->capacity_bytes && !array_grow(array))
        return NULL;
    return (char *)array->data + array->count++ * bytes;
}

void gate_array_free(struct gate_array *array)
{
    if (array->data)
        sys2(__NR_munmap, array->data, array->capacity_bytes);
    *array = (struct gate_array){ 0 };
}

void *gate_pool(size_t bytes)
{
    static _Alignas(16) char first[POOL_FIRST_BYTES];
    static uintptr_t next, end;
    bytes = align_up(bytes, 16);
    if (!next) {
        next = (uintptr_t)first;
        end = next + sizeof(first);
    }
    if (end - next < bytes) {
        size_t chunk = align_up(bytes > POOL_CHUNK_BYTES ? bytes : POOL_CHUNK_BYTES, PAGE_BYTES);
        long memory = map_anonymous(0, chunk, 0);
        if (sys_is_error(memory))
            return NULL;
        next = (uintptr_t)memory;
        end = next + chunk;
    }
    void *result = (void *)next;
    next += bytes;
    return result;
}

static bool within_reach(uintptr_t address, size_t bytes, uintptr_t low, uintptr_t high)
{
    int64_t down = (int64_t)(high - address);
    int64_t up = (int64_t)(address + bytes - low);
    return down < GATE_REACH_BYTES && up < GATE_REACH_BYTES && down > -GATE_REACH_BYTES &&
           up > -GATE_REACH_BYTES;
}

/* /proc/self/maps, one range after the other. */
struct maps_reader {
    int fd;
    size_t position, filled;
    char buffer[MAPS_BUFFER_BYTES];
};

static int maps_byte(struct maps_reader *reader)
{
    if (reader->position == reader->filled) {
        long got = sys3(__NR_read, reader->fd, reader->buffer, sizeof(reader->buffer));
        if (got <= 0)
            return -1;
        reader->filled = (size_t)got;
        reader->position = 0;
    }
    return (unsigned char)reader->buffer[reader->position++];
}

static int maps_number(struct maps_reader *reader, uintptr_t *value)
{
    *value = 0;
    for (;;) {
        int byte = maps_byte(reader);
        if (byte >= '0' && byte <= '9')
            *value = *value * 16 + (uintptr_t)(byte - '0');
        else if (byte >= 'a' && byte <= 'f')
            *value = *value * 16 + (uintptr_t)(byte - 'a' + 10);
        else
            return byte;
    }
}

/* Reads one line; *stack says that it is the main stack, which grows into the gap below it. */
static bool maps_line(struct maps_reader *reader, struct gate_range *range, bool *stack)
{
    if (maps_number(reader, &range->low) != '-' || maps_number(reader, &range->high) != ' ')
        return false;
    *stack = false;
    int byte, previous = 0;
    while ((byte = maps_byte(reader)) != '\n') {
        if (byte < 0)
            return false;
        if (previous == '[' && byte == 's')
            *stack = true;
        previous = byte;
    }
    return true;
}

static uintptr_t distance(uintptr_t address, uintptr_t low)
{
    return address > low ? address - low : low - address;
}

/* The best free range of @bytes whose lowest address is at least @floor, by maps: the nearest to
 * the object that is within reach; 0 when there is none. It ends where the gap ends, which
 * leaves the heap (growing upwards from below) its room; below the stack, which grows downwards, it
 * begins where the gap begins. A program that fills all else with one array is served from there. */
static uintptr_t nearest_gap(uintptr_t low, uintptr_t high, size_t bytes)
{
    struct maps_reader reader = { .fd = (int)sys4(__NR_openat, AT_FDCWD, "/proc/self/maps",
                                                  O_RDONLY | O_CLOEXEC, 0) };
    if (reader.fd < 0)
        return 0;
    uintptr_t best = 0, previous_end = 65536;
    struct gate_range range;
    bool stack;
    while (maps_line(&reader, &range, &stack)) {
        uintptr_t place = range.low - bytes;
        /* A high end out of reach may belong to a gap whose low end is near the object. */
        uintptr_t nearest = align_down(high + (1UL << 30), PAGE_BYTES);
        if (place > nearest && previous_end <= nearest)
            place = nearest;
        size_t room = stack ? bytes + STACK_ROOM_BYTES : bytes;
        bool fits = range.low > previous_end && range.low - previous_end >= room;
        if (stack)
            place = previous_end;
        if (fits && place >= previous_end && within_reach(place, bytes, low, high) &&
            (!best || distance(place, low) < distance(best, low)))
            best = place;
        previous_end = range.high;
    }
    sys1(__NR_close, reader.fd);
    return best;
}

long gate_map_near(uintptr_t low, uintptr_t high, size_t bytes)
{
    uintptr_t wish = align_down(low, PAGE_BYTES) - bytes;
    long memory = map_anonymous(wish, bytes, 0);
    if (sys_is_error(memory))
        return memory;
    if (within_reach((uintptr_t)memory, bytes, low, high))
        return memory;
    sys2(__NR_munmap, memory, bytes);
    wish = nearest_gap(low, high, bytes);
    if (!wish)
        return -ENOMEM;
    memory = map_anonymous(wish, bytes, MAP_FIXED_NOREPLACE);
    if (sys_is_error(memory))
        return memory;
    if (!within_reach((uintptr_t)memory, bytes, low, high)) { /* a kernel before 4.17 */
        sys2(__NR_munmap, memory, bytes);
        return -ENOMEM;
    }
    return memory;
}
