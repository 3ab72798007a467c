/* Stubs: writes, for each plan, the code that stands in for the overwritten sequence.
 *
 * Below the gate: no libc.
 *
 *   slot 0     the address of gate_enter, which every stub of the area jumps through
 *   slot i+1   [displaced instructions before]        copied, or relocated
 *      call:   lea  site(%rip), %rcx                  the address after the original instruction
 *              lea  tail(%rip), %r11
 *              jmp  *slot0(%rip)
 *              syscall                                raw_tail
 *      tail:   [displaced instructions after]
 *              jmp  end of the sequence               tail_jump
 *
 * The displaced instructions run with the caller's own rsp and registers; only rcx and r11, which
 * the instruction destroys anyway, are ours between `call` and `tail`.
 * Areas are writable while they are filled and executable afterwards, never both. */
#include <asm/mman.h>

#include "runtime/sys.h"
#include "shim/gate/internal.h"
#include "shim/gate/layout.h"

_Static_assert(sizeof(struct gate_frame) == GATE_FRAME_BYTES, "frame size");
_Static_assert(offsetof(struct gate_frame, r15) == 0, "r15 is pushed last");
_Static_assert(offsetof(struct gate_frame, r14) == 8, "pushed before r15");
_Static_assert(offsetof(struct gate_frame, r13) == 16, "pushed before r14");
_Static_assert(offsetof(struct gate_frame, r12) == 24, "pushed before r13");
_Static_assert(offsetof(struct gate_frame, rbp) == 32, "pushed before r12");
_Static_assert(offsetof(struct gate_frame, rbx) == 40, "pushed before rbp");
_Static_assert(offsetof(struct gate_frame, r9) == 48, "pushed before rbx");
_Static_assert(offsetof(struct gate_frame, r8) == 56, "pushed before r9");
_Static_assert(offsetof(struct gate_frame, r10) == 64, "pushed before r8");
_Static_assert(offsetof(struct gate_frame, rdx) == 72, "pushed before r10");
_Static_assert(offsetof(struct gate_frame, rsi) == 80, "pushed before rdx");
_Static_assert(offsetof(struct gate_frame, rdi) == 88, "pushed before rsi");
_Static_assert(offsetof(struct gate_frame, rax) == 96, "pushed before rdi");
_Static_assert(offsetof(struct gate_frame, tail) == GATE_TAIL_OFFSET, "pushed before rax");
_Static_assert(offsetof(struct gate_frame, raw_tail) == GATE_TAIL_OFFSET + GATE_RAW_AFTER, "");
_Static_assert(offsetof(struct gate_frame, site) == GATE_TAIL_OFFSET + GATE_SITE_AFTER, "");
_Static_assert(GATE_RED_ZONE == GATE_RED_ZONE_ASM, "red zone");
_Static_assert(GATE_CFA_OFFSET == GATE_FRAME_BYTES + GATE_RED_ZONE, "CFA");
_Static_assert(GATE_LEFT_ON_STACK == GATE_CFA_OFFSET - GATE_TAIL_OFFSET, "rest of the frame");

#define OPCODE_JUMP_LONG  0xe9
#define OPCODE_JUMP_SHORT 0xeb

/* One stub while it is written. */
struct emitter {
    uint8_t *at, *end;
    bool failed; /* out of room, or out of reach of a rel32 */
};

static void emit_bytes(struct emitter *emitter, const void *bytes, size_t count)
{
    if ((size_t)(emitter->end - emitter->at) < count) {
        emitter->failed = true;
        return;
    }
    gate_copy(emitter->at, bytes, count);
    emitter->at += count;
}

/* A 32-bit displacement to @target, relative to the end of its own four bytes (where every
 * instruction that we write or relocate this way ends, unless @trailing bytes follow). */
static void emit_relative(struct emitter *emitter, uintptr_t target, size_t trailing)
{
    int64_t distance = (int64_t)(target - ((uintptr_t)emitter->at + 4 + trailing));
    int32_t rel32 = (int32_t)distance;
    if (distance != rel32)
        emitter->failed = true;
    emit_bytes(emitter, &rel32, sizeof(rel32));
}

static uintptr_t jump_target(const uint8_t *instruction, size_t length)
{
    uintptr_t next = (uintptr_t)instruction + length;
    if (length <= 3) /* rel8, perhaps after a prefix */
        return next + (uintptr_t)(intptr_t)(int8_t)instruction[length - 1];
    int32_t rel32;
    gate_copy(&rel32, instruction + length - 4, sizeof(rel32));
    return next + (uintptr_t)(intptr_t)rel32;
}

static void emit_piece(struct emitter *emitter, const uint8_t *from, const struct gate_piece *piece)
{
    switch (piece->kind) {
    case PIECE_COPY:
        emit_bytes(emitter, from, piece->length);
        return;
    case PIECE_RIP: {
        int32_t displacement;
        gate_copy(&displacement, from + piece->field, sizeof(displacement));
        uintptr_t target = (uintptr_t)from + piece->length + (uintptr_t)(intptr_t)displacement;
        size_t trailing = piece->length - piece->field - 4U;
        emit_bytes(emitter, from, piece->field);
        emit_relative(emitter, target, trailing);
        emit_bytes(emitter, from + piece->length - trailing, trailing);
        return;
    }
    case PIECE_JUMP: {
        const uint8_t opcode = OPCODE_JUMP_LONG;
        emit_bytes(emitter, &opcode, 1);
        emit_relative(emitter, jump_target(from, piece->length), 0);
        return;
    }
    case PIECE_CONDITION: {
        const uint8_t opcode[2] = { 0x0f, 0x80 | piece->field };
        emit_bytes(emitter, opcode, sizeof(opcode));
        emit_relative(emitter, jump_target(from, piece->length), 0);
        return;
    }
    }
    emitter->failed = true;
}

static void emit_call(struct emitter *emitter, uintptr_t site, uintptr_t enter_word)
{
    static const uint8_t lea_rcx[3] = { 0x48, 0x8d, 0x0d };
    static const uint8_t lea_r11[3] = { 0x4c, 0x8d, 0x1d };
    static const uint8_t jump_through[2] = { 0xff, 0x25 };
    static const uint8_t syscall_instruction[GATE_SYSCALL_BYTES] = { 0x0f, 0x05 };
    emit_bytes(emitter, lea_rcx, sizeof(lea_rcx));
    emit_relative(emitter, site, 0);
    emit_bytes(emitter, lea_r11, sizeof(lea_r11));
    emit_relative(emitter, (uintptr_t)emitter->at + 4 + 6 + GATE_SYSCALL_BYTES, 0);
    emit_bytes(emitter, jump_through, sizeof(jump_through));
    emit_relative(emitter, enter_word, 0);
    emit_bytes(emitter, syscall_instruction, sizeof(syscall_instruction));
}

/* Writes the stub of @plan at @stub and describes it in *site. False when it can't be done. */
static bool write_stub(uintptr_t stub, uintptr_t enter_word, const struct gate_plan *plan,
                       struct gate_site *site)
{
    struct emitter emitter = { .at = (uint8_t *)stub, .end = (uint8_t *)stub + GATE_STUB_BYTES };
    const uint8_t *from = (const uint8_t *)plan->start;
    const struct gate_piece *piece = plan->piece;
    for (size_t i = 0; i < plan->before_count; i++, piece++) {
        emit_piece(&emitter, from, piece);
        from += piece->length;
    }
    site->call = (uint8_t)((uintptr_t)emitter.at - stub);
    from += GATE_SYSCALL_BYTES;
    emit_call(&emitter, (uintptr_t)from, enter_word);
    site->tail = (uint8_t)((uintptr_t)emitter.at - stub);
    for (size_t i = 0; i < plan->after_count; i++, piece++) {
        emit_piece(&emitter, from, piece);
        from += piece->length;
    }
    site->tail_jump = (uint8_t)((uintptr_t)emitter.at - stub);
    const uint8_t opcode = OPCODE_JUMP_LONG;
    emit_bytes(&emitter, &opcode, 1);
    emit_relative(&emitter, (uintptr_t)from, 0);

    site->start = plan->start;
    site->instruction = plan->instruction;
    site->end = (uint8_t)((uintptr_t)from - plan->instruction);
    site->rerun = plan->rerun;
    gate_copy(site->original, (const void *)plan->start, sizeof(site->original));
    return !emitter.failed;
}

static bool near_enough(uintptr_t memory, size_t bytes, const struct gate_image *image)
{
    int64_t down = (int64_t)(image->high - memory);
    int64_t up = (int64_t)(memory + bytes - image->low);
    return down < GATE_REACH_BYTES && down > -GATE_REACH_BYTES && up < GATE_REACH_BYTES &&
           up > -GATE_REACH_BYTES;
}

/* An area of an object that is gone, with room for @count sites near @image, made writable. */
static struct gate_area *area_again(const struct gate_image *image, size_t count)
{
    for (struct gate_area *area = gate_areas(); area; area = area->next) {
        if (!area->dead || area->capacity < count)
            continue;
        if (!near_enough(area->memory, area->bytes, image))
            continue;
        if (sys3(__NR_mprotect, area->memory, area->bytes, PROT_READ | PROT_WRITE) == 0)
            return area;
    }
    return NULL;
}

static int area_new(const struct gate_image *image, size_t count, struct gate_area **made)
{
    size_t bytes = align_up((count + 1) * GATE_STUB_BYTES, PAGE_BYTES);
    size_t capacity = bytes / GATE_STUB_BYTES - 1;
    struct gate_area *area = gate_pool(sizeof(*area));
    if (!area)
        return -ENOMEM;
    area->site = gate_pool(capacity * sizeof(area->site[0]));
    if (!area->site)
        return -ENOMEM;
    long memory = gate_map_near(image->low, image->high, bytes);
    if (sys_is_error(memory))
        return (int)memory;
    area->memory = (uintptr_t)memory;
    area->bytes = bytes;
    area->capacity = capacity;
    *made = area;
    return 0;
}

int gate_area_make(const struct gate_image *image, const struct gate_array *plans,
                   struct gate_area **made)
{
    *made = NULL;
    if (plans->count == 0)
        return 0;
    struct gate_area *area = area_again(image, plans->count);
    int error = area ? 0 : area_new(image, plans->count, &area);
    if (error)
        return error;
    *(void (**)(void))area->memory = gate_enter;
    area->count = 0;
    for (size_t i = 0; i < plans->count; i++) {
        const struct gate_plan *plan = (const struct gate_plan *)plans->data + i;
        if (write_stub(gate_stub_of(area, area->count), area->memory, plan,
                       &area->site[area->count]))
            area->count++;
    }
    long result = sys3(__NR_mprotect, area->memory, area->bytes, PROT_READ | PROT_EXEC);
    if (result < 0) {
        gate_area_drop(area);
        return (int)result;
    }
    *made = area;
    return 0;
}

void gate_area_drop(struct gate_area *area)
{
    if (!area || area->dead) /* a dead one is still in the list, for the next object */
        return;
    sys2(__NR_munmap, area->memory, area->bytes);
    area->bytes = 0;
}
