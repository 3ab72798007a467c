/* Sites that are known without decoding: `mov $nr,%eax; syscall`, seven bytes that compilers and
 * hand-written assembly alike use for most system calls.
 *
 * Overwriting the mov is safe whatever jumps there are: no jump can lead into the middle of an
 * instruction, one to the mov meets our jump, and one to the syscall instruction (made with
 * another number in rax) finds it in place. The only doubt is whether the bytes b8 imm32 begin an
 * instruction: after a REX prefix they are the end of another mov. The decoder removes the doubt;
 * without it (gate_arm, or when the decoder is absent) we refuse when the byte before could be a
 * prefix. */
#include <asm/unistd.h>

#include "shim/gate/internal.h"

#define MOV_EAX_BYTES  5
#define NUMBER_CEILING 1024

static bool stands_before(uintptr_t low, uintptr_t instruction, const uint8_t *code, size_t bytes)
{
    return instruction - low >= bytes &&
           __builtin_memcmp((const char *)instruction - bytes, code, bytes) == 0;
}

bool gate_site_is_untouchable(uintptr_t low, uintptr_t instruction)
{
    static const uint8_t mov_eax[5] = { 0xb8, __NR_rt_sigreturn };
    static const uint8_t mov_rax[7] = { 0x48, 0xc7, 0xc0, __NR_rt_sigreturn };
    return stands_before(low, instruction, mov_eax, sizeof(mov_eax)) ||
           stands_before(low, instruction, mov_rax, sizeof(mov_rax));
}

static bool may_be_prefix(uint8_t byte)
{
    bool rex = (byte & 0xf0) == 0x40;
    return rex || byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3 || byte == 0x0f;
}

bool gate_idiom_number(struct gate_range range, uintptr_t instruction, uint32_t *number)
{
    if (instruction < range.low + MOV_EAX_BYTES + 1)
        return false;
    const uint8_t *mov = (const uint8_t *)instruction - MOV_EAX_BYTES;
    if (mov[0] != 0xb8 || may_be_prefix(mov[-1]))
        return false;
    gate_copy(number, mov + 1, sizeof(*number));
    return *number < NUMBER_CEILING;
}

void gate_idiom_plan(uintptr_t instruction, struct gate_plan *plan)
{
    *plan = (struct gate_plan){
        .start = instruction - MOV_EAX_BYTES,
        .instruction = instruction,
        .before_count = 1,
        .end = MOV_EAX_BYTES + 2,
        .rerun = true,
        .piece = { { .length = MOV_EAX_BYTES, .kind = PIECE_COPY } },
    };
}
