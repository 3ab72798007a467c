/* Choosing what to displace: a jump needs five bytes, the syscall instruction has two.
 *
 * Above the gate. All runs of up to four instructions before and four after are weighed. A run will
 * do when no jump leads to an instruction boundary within its first five bytes, other than the
 * first (bytes behind the five stay as they are), and when every displaced instruction works at
 * another address: calls don't, since their return address would lie in the stub.
 *
 * Preferred is what can be undone most often when a signal interrupts the stub (gate_original_pc):
 * instructions before the call that may be run twice, e.g. `mov $nr,%eax`; then instructions after
 * it; then what cannot be run twice. Least wanted is a run whose syscall instruction is jumped to
 * and stays in place: right, but the jumper's calls are not seen by us.
 *
 * A site behind which flags are still read is left raw, since the gate doesn't keep them.
 * (Compilers never rely on flags across the instruction.) */
#include "shim/gate/internal.h"

#define WINDOW_BYTES 32 /* each side; no run is longer */
#define COST_NONE    UINT32_MAX

struct context {
    const struct gate_insn *insn; /* all of the function's */
    size_t count;
    size_t index; /* of the syscall instruction */
    uintptr_t base;
    struct gate_range allowed;
    uint64_t targets; /* bit i: (address of the instruction - WINDOW_BYTES + i) is jumped to */
    bool indirect;
};

static const uint8_t *code_at(const struct context *context, size_t index)
{
    return (const uint8_t *)context->base + context->insn[index].offset;
}

static size_t insn_at(const struct gate_function *function, uintptr_t address)
{
    const struct gate_insn *insn = function->insns.data;
    uint32_t offset = (uint32_t)(address - function->range.low);
    size_t low = 0, high = function->insns.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (insn[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < function->insns.count && insn[low].offset == offset;
    return found && insn[low].flow == FLOW_SYSCALL ? low : SIZE_MAX;
}

static uint64_t targets_around(const struct gate_array *targets, uintptr_t instruction)
{
    uint64_t mask = 0;
    const uintptr_t *target = targets->data;
    for (size_t i = 0; i < targets->count; i++) {
        uintptr_t bit = target[i] - (instruction - WINDOW_BYTES);
        if (bit < 2 * WINDOW_BYTES)
            mask |= UINT64_C(1) << bit;
    }
    return mask;
}

static bool is_target(const struct context *context, size_t index)
{
    int64_t bit = (int64_t)context->insn[index].offset -
                  (int64_t)context->insn[context->index].offset + WINDOW_BYTES;
    return bit >= 0 && bit < 2 * WINDOW_BYTES && (context->targets >> bit & 1);
}

static bool flags_live(const struct context *context)
{
    size_t end = context->index + 1 + CHOICE_FLAGS;
    for (size_t i = context->index + 1; i < context->count && i < end; i++) {
        const struct gate_insn *insn = &context->insn[i];
        if (insn->reads_flags)
            return true;
        if (insn->writes_flags || (insn->flow != FLOW_NEXT && insn->flow != FLOW_PADDING))
            return false;
    }
    return false;
}

/* True when the instruction sets one register from something that no other instruction of this
 * kind changes (an immediate, zero, a word on the stack): a run of such may be run twice.
 * *single: also `mov` between two registers, which may be run twice when it is alone. */
static bool sets_constant(const uint8_t *code, size_t length, bool *single)
{
    *single = false;
    if (length > 0 && (code[0] & 0xf0) == 0x40) { /* REX */
        bool same_bank = !(code[0] & 4) == !(code[0] & 1);
        code++, length--;
        if (length >= 2 && !same_bank && (code[0] == 0x89 || code[0] == 0x8b) && code[1] >= 0xc0) {
            *single = true;
            return false;
        }
        if (!same_bank && code[0] != 0x8b)
            return false;
    }
    if (length >= 5 && code[0] >= 0xb8 && code[0] <= 0xbf)
        return true;
    if (length < 2)
        return false;
    uint8_t mod = code[1] >> 6, reg = code[1] >> 3 & 7, rm = code[1] & 7;
    if (code[0] == 0xc7)
        return mod == 3;
    if (code[0] == 0x31 || code[0] == 0x33)
        return mod == 3 && reg == rm;
    if (code[0] == 0x8b && mod != 3)
        return rm == 4 && length > 2 && code[2] == 0x24; /* disp(%rsp) */
    *single = (code[0] == 0x89 || code[0] == 0x8b) && mod == 3 && reg != rm;
    return false;
}

static bool may_rerun(const struct context *context, size_t before)
{
    for (size_t i = context->index - before; i < context->index; i++) {
        bool single;
        if (!sets_constant(code_at(context, i), context->insn[i].length, &single) &&
            !(single && before == 1))
            return false;
    }
    return true;
}

static bool displaceable(const struct gate_insn *insn, bool after, bool *ended)
{
    if (*ended)
        return insn->flow == FLOW_PADDING;
    switch (insn->flow) {
    case FLOW_NEXT:
    case FLOW_PADDING:
    case FLOW_CONDITION:
        return true;
    case FLOW_JUMP:
    case FLOW_END:
        *ended = true;
        return after;
    default:
        return false;
    }
}

/* The cost of displacing @before and @after instructions; COST_NONE when it can't be done. */
static uint32_t cost_of(const struct context *context, size_t before, size_t after)
{
    if (before > context->index || context->index + after >= context->count)
        return COST_NONE;
    size_t first = context->index - before, last = context->index + after;
    uint32_t bytes = 0, cost = (uint32_t)(before + after) + (after ? 2 : 0);
    bool ended = false;
    for (size_t i = first; i <= last; i++) {
        const struct gate_insn *insn = &context->insn[i];
        if (i != context->index && !displaceable(insn, i > context->index, &ended))
            return COST_NONE;
        bool jumped_to = i != first && (context->indirect || is_target(context, i));
        if (jumped_to && bytes < GATE_JUMP_BYTES)
            return COST_NONE;
        if (i != first && i == context->index && is_target(context, i))
            cost += 100;
        bytes += insn->length;
    }
    uintptr_t start = context->base + context->insn[first].offset;
    if (bytes < GATE_JUMP_BYTES || start < context->allowed.low ||
        start + bytes > context->allowed.high)
        return COST_NONE;
    if (before && !may_rerun(context, before))
        cost += 8;
    return cost;
}

static struct gate_piece piece_of(const struct context *context, size_t index)
{
    const struct gate_insn *insn = &context->insn[index];
    struct gate_piece piece = { .length = insn->length, .kind = PIECE_COPY };
    if (insn->flow == FLOW_JUMP) {
        piece.kind = PIECE_JUMP;
    } else if (insn->flow == FLOW_CONDITION) {
        const uint8_t *code = code_at(context, index);
        /* The condition is in the opcode, which the displacement follows. */
        piece.kind = PIECE_CONDITION;
        piece.field = code[insn->length - (insn->length <= 3 ? 2 : 5)] & 15;
    } else if (insn->rip_field) {
        piece.kind = PIECE_RIP;
        piece.field = insn->rip_field;
    }
    return piece;
}

static void make_plan(const struct context *context, size_t before, size_t after,
                      struct gate_plan *plan)
{
    size_t first = context->index - before, pieces = 0;
    *plan = (struct gate_plan){
        .start = context->base + context->insn[first].offset,
        .instruction = context->base + context->insn[context->index].offset,
        .before_count = (uint8_t)before,
        .after_count = (uint8_t)after,
        .rerun = may_rerun(context, before),
    };
    for (size_t i = first; i <= context->index + after; i++) {
        plan->exposed |= i != first && plan->end < GATE_JUMP_BYTES;
        plan->end = (uint8_t)(plan->end + context->insn[i].length);
        if (i != context->index)
            plan->piece[pieces++] = piece_of(context, i);
    }
}

enum gate_choice gate_choose(const struct gate_function *function, const struct gate_array *more,
                             struct gate_range allowed, uintptr_t instruction,
                             struct gate_plan *plan)
{
    struct context context = {
        .insn = function->insns.data,
        .count = function->insns.count,
        .index = insn_at(function, instruction),
        .base = function->range.low,
        .allowed = allowed,
        .targets =
            targets_around(&function->targets, instruction) | targets_around(more, instruction),
        .indirect = function->indirect,
    };
    if (context.index == SIZE_MAX)
        return CHOICE_NOT_CODE;
    if (flags_live(&context))
        return CHOICE_FLAGS_READ;
    /* Nothing is cheaper than one before that may be run twice, the usual case. */
    uint32_t best = cost_of(&context, 1, 0);
    size_t best_before = 1, best_after = 0;
    for (size_t before = 0; before <= CHOICE_BEFORE && best > 1; before++)
        for (size_t after = 0; after <= CHOICE_AFTER && before + after <= GATE_PIECES_MAX;
             after++) {
            uint32_t cost = cost_of(&context, before, after);
            if (cost >= best)
                continue;
            best = cost;
            best_before = before;
            best_after = after;
        }
    if (best == COST_NONE)
        return CHOICE_CROWDED;
    make_plan(&context, best_before, best_after, plan);
    return CHOICE_PLANNED;
}
