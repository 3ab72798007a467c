/* Fast searches through whole texts: the bytes of the syscall instruction, and jumps into places
 * that a patch would overwrite.
 *
 * Above the gate (SSE registers). Texts of 20 MB and more pass here, so both look at 16 bytes at
 * a time and treat single bytes only on a hit. Nothing is decoded: a hit is a candidate, which
 * decode.c confirms, or for jumps a reason to be careful. */
#include <emmintrin.h>
#include <linux/errno.h>

#include "shim/gate/internal.h"

#define STRIDE       16
#define FILTER_WORDS 128
#define FILTER_SHIFT 5

static int push_address(struct gate_array *array, uintptr_t address)
{
    uintptr_t *slot = gate_array_push(array, sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    *slot = address;
    return 0;
}

int gate_scan_syscalls(struct gate_range range, struct gate_array *addresses)
{
    const __m128i first = _mm_set1_epi8(0x0f), second = _mm_set1_epi8(0x05);
    uintptr_t at = range.low;
    for (; at + STRIDE + 1 <= range.high; at += STRIDE) {
        __m128i here = _mm_loadu_si128((const __m128i *)at);
        __m128i next = _mm_loadu_si128((const __m128i *)(at + 1));
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(here, first), _mm_cmpeq_epi8(next, second)));
        for (; unlikely(hits); hits &= hits - 1)
            if (push_address(addresses, at + (unsigned)__builtin_ctz(hits)))
                return -ENOMEM;
    }
    for (; at + 2 <= range.high; at++) {
        const unsigned char *bytes = (const unsigned char *)at;
        if (bytes[0] == 0x0f && bytes[1] == 0x05 && push_address(addresses, at))
            return -ENOMEM;
    }
    return 0;
}

/* f3 48 0f ae d8 to df, or with 49 for r8 to r15: six given bytes, which chance hardly makes. */
static bool is_wrgsbase(const unsigned char *escape)
{
    return escape[-2] == 0xf3 && (escape[-1] & 0xfe) == 0x48 && escape[1] == 0xae &&
           (escape[2] & 0xf8) == 0xd8;
}

bool gate_scan_wrgsbase(struct gate_range range)
{
    const unsigned char *at = (const unsigned char *)range.low + 2;
    const unsigned char *end = (const unsigned char *)range.high - 2;
    const __m128i first = _mm_set1_epi8(0x0f), second = _mm_set1_epi8((char)0xae);
    for (; at + STRIDE < end; at += STRIDE) {
        __m128i here = _mm_loadu_si128((const __m128i *)at);
        __m128i next = _mm_loadu_si128((const __m128i *)(at + 1));
        unsigned hits = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(here, first), _mm_cmpeq_epi8(next, second)));
        for (; unlikely(hits); hits &= hits - 1)
            if (is_wrgsbase(at + __builtin_ctz(hits)))
                return true;
    }
    for (; at < end; at++)
        if (*at == 0x0f && is_wrgsbase(at))
            return true;
    return false;
}

/* A coarse picture of the windows, by address: most jumps lead nowhere near one. */
struct filter {
    uint64_t bits[FILTER_WORDS];
};

static unsigned filter_bit(uintptr_t address)
{
    return (unsigned)(address >> FILTER_SHIFT) % (FILTER_WORDS * 64);
}

static void filter_fill(struct filter *filter, const struct gate_array *windows)
{
    const struct gate_range *window = windows->data;
    __builtin_memset(filter, 0, sizeof(*filter));
    for (size_t i = 0; i < windows->count; i++)
        for (uintptr_t at = window[i].low; at < window[i].high + (1 << FILTER_SHIFT);
             at += 1 << FILTER_SHIFT)
            filter->bits[filter_bit(at) / 64] |= UINT64_C(1) << filter_bit(at) % 64;
}

static bool filter_passes(const struct filter *filter, uintptr_t address)
{
    return filter->bits[filter_bit(address) / 64] >> filter_bit(address) % 64 & 1;
}

/* True when @address falls in one of the sorted, disjoint windows. */
static bool in_windows(const struct gate_array *windows, uintptr_t address)
{
    const struct gate_range *window = windows->data;
    size_t low = 0, high = windows->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (window[middle].high <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < windows->count && address >= window[low].low;
}

/* The target of a rel32 jump that ends in the four bytes at @displacement. */
static uintptr_t rel32_target(uintptr_t displacement)
{
    int32_t rel32;
    __builtin_memcpy(&rel32, (const void *)displacement, sizeof(rel32));
    return displacement + 4 + (uintptr_t)(intptr_t)rel32;
}

int gate_scan_jumps(struct gate_range range, const struct gate_array *windows,
                    struct gate_array *targets)
{
    if (windows->count == 0 || range.high - range.low < STRIDE + 8)
        return 0;
    struct filter filter;
    filter_fill(&filter, windows);
    const __m128i jump = _mm_set1_epi8((char)0xe9), escape = _mm_set1_epi8(0x0f);
    const __m128i condition = _mm_set1_epi8((char)0x80), mask = _mm_set1_epi8((char)0xf0);
    for (uintptr_t at = range.low; at + STRIDE + 5 <= range.high; at += STRIDE) {
        __m128i here = _mm_loadu_si128((const __m128i *)at);
        __m128i next = _mm_loadu_si128((const __m128i *)(at + 1));
        /* e9 rel32, or 0f 8x rel32: the position of the byte before the displacement. */
        __m128i near_jump = _mm_cmpeq_epi8(here, jump);
        __m128i near_condition = _mm_and_si128(
            _mm_cmpeq_epi8(here, escape), _mm_cmpeq_epi8(_mm_and_si128(next, mask), condition));
        unsigned jumps = (unsigned)_mm_movemask_epi8(near_jump);
        unsigned conditions = (unsigned)_mm_movemask_epi8(near_condition);
        unsigned hits = jumps | conditions << 1;
        for (; hits; hits &= hits - 1) {
            uintptr_t target = rel32_target(at + (unsigned)__builtin_ctz(hits) + 1);
            if (likely(!filter_passes(&filter, target)) || !in_windows(windows, target))
                continue;
            if (push_address(targets, target))
                return -ENOMEM;
        }
    }
    return 0;
}
