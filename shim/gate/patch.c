/* Overwrites text: a jump to the stub over the first five bytes of each site's sequence.
 *
 * Below the gate, and never through libc, whose own text is among what we overwrite.
 *
 * The pages are made writable *and* executable while we write, then get their protection back.
 * Writable-only would be stricter, but then a system that refuses to make a modified page
 * executable (seccomp filters, SELinux' execmod) would leave libc's text dead, with no way back;
 * asking for both at once is refused before anything has changed, and the way back, dropping
 * PROT_WRITE, is never refused. It also lets other kernel threads run through the same pages
 * meanwhile. All signals are blocked, so that no handler runs half-written code on this one.
 *
 * The bytes of a sequence behind the first five stay as they were: a debugger, or a jump that we
 * could not know of, still finds the syscall instruction of a `mov $nr,%eax; syscall` in place. */
#include <asm/mman.h>
#include <asm/signal.h>

#include "runtime/sys.h"
#include "shim/gate/internal.h"

static uint64_t block_signals(void)
{
    uint64_t all = ~UINT64_C(0), before = 0;
    sys4(__NR_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof(all));
    return before;
}

static void restore_signals(uint64_t mask)
{
    sys4(__NR_rt_sigprocmask, SIG_SETMASK, &mask, 0, sizeof(mask));
}

static void jump_bytes(uint8_t bytes[GATE_JUMP_BYTES], uintptr_t from, uintptr_t to)
{
    int32_t rel32 = (int32_t)(to - (from + GATE_JUMP_BYTES));
    bytes[0] = 0xe9;
    gate_copy(bytes + 1, &rel32, sizeof(rel32));
}

static void write_site(const struct gate_area *area, size_t index, bool jump)
{
    const struct gate_site *site = &area->site[index];
    uint8_t bytes[GATE_JUMP_BYTES];
    jump_bytes(bytes, site->start, gate_stub_of(area, index));
    gate_copy((void *)site->start, jump ? bytes : site->original, GATE_JUMP_BYTES);
}

/* The pages of the sites of @area within @exec: [*low, *high), empty when it holds none. */
static struct gate_range pages_touched(const struct gate_range *exec, const struct gate_area *area)
{
    struct gate_range pages = { UINTPTR_MAX, 0 };
    for (size_t i = 0; i < area->count; i++) {
        uintptr_t start = area->site[i].start;
        if (start < exec->low || start >= exec->high)
            continue;
        uintptr_t low = align_down(start, PAGE_BYTES);
        uintptr_t high = align_up(start + GATE_JUMP_BYTES, PAGE_BYTES);
        pages.low = low < pages.low ? low : pages.low;
        pages.high = high > pages.high ? high : pages.high;
    }
    return pages;
}

static long protect(const struct gate_range *pages, int protection)
{
    if (pages->low >= pages->high)
        return 0;
    return sys3(__NR_mprotect, pages->low, pages->high - pages->low, protection);
}

/* Puts the protection of the first @count segments back. */
static void protect_again(const struct gate_image *image, const struct gate_area *area,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct gate_range pages = pages_touched(&image->exec[i], area);
        protect(&pages, image->exec_protection[i]);
    }
}

static int rewrite(const struct gate_image *image, const struct gate_area *area, bool jump)
{
    uint64_t mask = block_signals();
    long result = 0;
    size_t opened = 0;
    for (; opened < image->exec_count && result == 0; opened++) {
        struct gate_range pages = pages_touched(&image->exec[opened], area);
        result = protect(&pages, PROT_READ | PROT_WRITE | PROT_EXEC);
    }
    if (result == 0)
        for (size_t i = 0; i < area->count; i++)
            write_site(area, i, jump);
    protect_again(image, area, opened);
    restore_signals(mask);
    return (int)result;
}

int gate_patch(const struct gate_image *image, const struct gate_area *area)
{
    return rewrite(image, area, true);
}

int gate_unpatch(const struct gate_image *image, const struct gate_area *area)
{
    return rewrite(image, area, false);
}

bool gate_patch_present(const struct gate_area *area)
{
    if (area->count == 0)
        return false;
    uint8_t bytes[GATE_JUMP_BYTES];
    const uint8_t *text = (const uint8_t *)area->site[0].start;
    jump_bytes(bytes, area->site[0].start, gate_stub_of(area, 0));
    for (size_t i = 0; i < GATE_JUMP_BYTES; i++)
        if (text[i] != bytes[i])
            return false;
    return true;
}
