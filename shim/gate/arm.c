/* gate_arm: rewrites the two sites through which libc creates threads, in `clone` and `clone3`.
 *
 * Above the gate; runs in the constructor of every process that we are loaded into, most of which
 * never create a thread. So it touches only two pages of libc, loads no decoder, and lists the
 * objects only to find libc. `clone` is exported; `clone3` isn't, but stands in the same part of
 * the text: a window around `clone` is searched first, the whole text only when that fails. */
#include <errno.h>
#include <asm/unistd.h>

#include "shim/gate/internal.h"

#define WINDOW_BYTES 0x8000
#define CLONE_BYTES  256

static uint32_t armed_count;

static struct gate_range window_of(const struct gate_range *text, uintptr_t middle)
{
    struct gate_range window = { middle - WINDOW_BYTES, middle + WINDOW_BYTES };
    if (window.low < text->low)
        window.low = text->low;
    if (window.high > text->high)
        window.high = text->high;
    return window;
}

/* The first `mov $number,%eax; syscall` in @range, 0 when there is none. */
static uintptr_t find_number(struct gate_range range, uint32_t number)
{
    uint8_t wanted[7] = { 0xb8, (uint8_t)number, (uint8_t)(number >> 8), 0, 0, 0x0f, 0x05 };
    for (uintptr_t at = range.low; at + sizeof(wanted) <= range.high; at++) {
        at = (uintptr_t)__builtin_memchr((const void *)at, 0xb8, range.high - at);
        if (!at || at + sizeof(wanted) > range.high)
            return 0;
        uint32_t found;
        if (__builtin_memcmp((const void *)at, wanted, sizeof(wanted)) == 0 &&
            gate_idiom_number(range, at + 5, &found))
            return at + 5;
    }
    return 0;
}

static int plan_site(struct gate_array *plans, uintptr_t instruction)
{
    struct gate_plan *plan = gate_array_push(plans, sizeof(*plan));
    if (!plan)
        return -ENOMEM;
    gate_idiom_plan(instruction, plan);
    return 0;
}

/* Plans both sites in ascending order. */
static int plan_libc(const struct gate_image *libc, struct gate_array *plans)
{
    const struct gate_range *text = &libc->exec[0];
    uintptr_t symbol = gate_image_symbol(libc, "clone");
    uintptr_t clone = 0, clone3 = 0;
    if (symbol > text->low && symbol + CLONE_BYTES < text->high) {
        clone = find_number((struct gate_range){ symbol, symbol + CLONE_BYTES }, __NR_clone);
        clone3 = find_number(window_of(text, symbol), __NR_clone3);
    }
    if (!clone3)
        clone3 = find_number(*text, __NR_clone3);
    if (!clone && !clone3)
        return -ENOENT;
    uintptr_t first = clone < clone3 ? clone : clone3;
    uintptr_t second = clone < clone3 ? clone3 : clone;
    int error = first ? plan_site(plans, first) : 0;
    return error ? error : plan_site(plans, second);
}

static int rewrite_libc(const struct gate_image *libc)
{
    struct gate_plan room[2];
    struct gate_array plans = { .data = room, .capacity_bytes = sizeof(room) };
    struct gate_area *area = NULL;
    int error = plan_libc(libc, &plans);
    if (!error)
        error = gate_area_make(libc, &plans, &area);
    if (error)
        return error;
    error = gate_patch(libc, area);
    if (error) {
        gate_area_drop(area);
        return error;
    }
    gate_area_publish(area);
    armed_count = (uint32_t)area->count;
    gate_stats_set(libc->name, armed_count, NULL, 0);
    return (int)area->count;
}

uint32_t gate_armed_count(void)
{
    return armed_count;
}

int gate_arm(void)
{
    struct gate_image libc;
    struct gate_range ldso;
    int error = gate_find_libc(&libc, &ldso);
    if (error)
        return error;
    gate_sites_set_libc(libc.exec[0], ldso);
    return rewrite_libc(&libc);
}
