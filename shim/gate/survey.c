/* One object's sites: from the bytes 0f 05 to plans.
 *
 * Above the gate. Most of the cost is in the enclosing functions of candidates, so nothing else is
 * decoded: a text of 20 MB holds some hundred chance 0f 05 and costs milliseconds.
 *
 * Jumps from outside the enclosing function matter too: compilers move unlikely parts of a function
 * elsewhere (.cold), with a table entry of their own, and jump back into its middle. So when plans
 * overwrite an instruction boundary, the whole text is searched for jumps that would meet one, and
 * those plans are chosen anew. */
#include <asm/unistd.h>
#include <errno.h>

#include "shim/gate/internal.h"

#define WINDOW_BYTES 32

struct survey_state {
    const struct gate_image *image;
    struct gate_function function; /* the one decoded last */
    struct gate_array more;        /* jump targets near exposed plans */
    struct gate_survey *survey;
};

static struct gate_plan *plan_at(const struct gate_survey *survey, size_t index)
{
    return (struct gate_plan *)survey->plans.data + index;
}

/* Decodes the function that holds @instruction unless it is decoded already. */
static int decode_around(struct survey_state *state, uintptr_t instruction, bool *found)
{
    struct gate_range range;
    *found = gate_function_at(state->image, instruction, &range);
    if (!*found ||
        (state->function.range.low == range.low && state->function.range.high == range.high))
        return 0;
    int error = gate_decode(state->image, range, &state->function);
    if (error)
        state->function.range = (struct gate_range){ 0, 0 };
    return error;
}

/* True when @instruction was passed over by the decoder: its bytes are part of another one. */
static bool is_passed(const struct gate_function *function, uintptr_t instruction)
{
    if (function->insns.count == 0 || instruction < function->range.low)
        return false;
    const struct gate_insn *last =
        (const struct gate_insn *)function->insns.data + function->insns.count - 1;
    return instruction < function->range.low + last->offset + last->length;
}

static enum gate_choice choose_idiom(const struct survey_state *state, uintptr_t instruction,
                                     struct gate_plan *plan)
{
    struct gate_range range;
    uint32_t number;
    bool known = state->image->is_libc || state->image->is_ldso;
    if (!known || !gate_function_at(state->image, instruction, &range) ||
        !gate_idiom_number(state->image->exec[0], instruction, &number))
        return CHOICE_UNDECODED;
    gate_idiom_plan(instruction, plan);
    return CHOICE_PLANNED;
}

static enum gate_choice choose(struct survey_state *state, uintptr_t instruction,
                               struct gate_range allowed, struct gate_plan *plan, int *error)
{
    bool found;
    *error = decode_around(state, instruction, &found);
    if (*error == -ENOENT) {
        *error = 0;
        return choose_idiom(state, instruction, plan);
    }
    if (*error || !found)
        return CHOICE_NOT_CODE;
    return gate_choose(&state->function, &state->more, allowed, instruction, plan);
}

/* `mov $nr,%eax; syscall` with a call that makes threads, wherever it stands: runtimes with a clone
 * of their own, as Go's, tell nobody about their functions. */
static bool is_clone(struct gate_range range, uintptr_t instruction)
{
    const uint8_t *mov = (const uint8_t *)instruction - 5;
    uint32_t number;
    if (instruction - range.low < 5 || mov[0] != 0xb8)
        return false;
    gate_copy(&number, mov + 1, sizeof(number));
    return number == __NR_clone || number == __NR_clone3;
}

static int plan_candidate(struct survey_state *state, uintptr_t instruction)
{
    struct gate_survey *survey = state->survey;
    struct gate_range allowed = { 0, UINTPTR_MAX };
    struct gate_plan plan;
    int error = 0;
    if (survey->plans.count > 0) {
        const struct gate_plan *last = plan_at(survey, survey->plans.count - 1);
        allowed.low = last->start + last->end;
    }
    switch (choose(state, instruction, allowed, &plan, &error)) {
    case CHOICE_PLANNED: {
        struct gate_plan *slot = gate_array_push(&survey->plans, sizeof(*slot));
        if (!slot)
            return -ENOMEM;
        *slot = plan;
        return 0;
    }
    case CHOICE_CROWDED:
        survey->why[RAW_CROWDED]++;
        return error;
    case CHOICE_FLAGS_READ:
        survey->why[RAW_FLAGS]++;
        return error;
    case CHOICE_UNDECODED:
        survey->why[RAW_UNDECODED]++;
        return error;
    case CHOICE_NOT_CODE:
        survey->unknown += !is_passed(&state->function, instruction);
        return error;
    }
    return error;
}

/* The surroundings of all exposed plans, sorted and disjoint. */
static int find_windows(const struct gate_survey *survey, struct gate_array *windows)
{
    uintptr_t covered = 0;
    for (size_t i = 0; i < survey->plans.count; i++) {
        const struct gate_plan *plan = plan_at(survey, i);
        if (!plan->exposed)
            continue;
        struct gate_range *window = gate_array_push(windows, sizeof(*window));
        if (!window)
            return -ENOMEM;
        window->low = plan->instruction - WINDOW_BYTES;
        window->high = plan->instruction + WINDOW_BYTES;
        if (window->low < covered)
            window->low = covered;
        covered = window->high;
    }
    return 0;
}

/* Collects the jumps that lead near an exposed plan. */
static int find_jumps(struct survey_state *state)
{
    struct gate_array windows = { 0 };
    int error = find_windows(state->survey, &windows);
    for (size_t i = 0; i < state->image->exec_count && !error; i++)
        error = gate_scan_jumps(state->image->exec[i], &windows, &state->more);
    gate_array_free(&windows);
    return error;
}

static bool is_met(const struct survey_state *state, const struct gate_plan *plan)
{
    const uintptr_t *target = state->more.data;
    for (size_t i = 0; i < state->more.count; i++)
        if (target[i] > plan->start && target[i] < plan->start + GATE_JUMP_BYTES)
            return true;
    return false;
}

/* Chooses anew where a jump from elsewhere meets a plan; drops the plan when that fails. */
static int replan(struct survey_state *state)
{
    struct gate_survey *survey = state->survey;
    size_t kept = 0, count = survey->plans.count;
    for (size_t i = 0; i < count; i++) {
        struct gate_plan plan = *plan_at(survey, i);
        if (plan.exposed && is_met(state, &plan)) {
            struct gate_range allowed = { 0, UINTPTR_MAX };
            int error = 0;
            if (kept > 0)
                allowed.low = plan_at(survey, kept - 1)->start + plan_at(survey, kept - 1)->end;
            if (i + 1 < count)
                allowed.high = plan_at(survey, i + 1)->start;
            uintptr_t instruction = plan.instruction;
            if (choose(state, instruction, allowed, &plan, &error) != CHOICE_PLANNED) {
                if (error)
                    return error;
                survey->why[RAW_CROWDED]++;
                continue;
            }
        }
        *plan_at(survey, kept++) = plan;
    }
    survey->plans.count = kept;
    return 0;
}

static int survey_range(struct survey_state *state, struct gate_range range)
{
    struct gate_array candidates = { 0 };
    struct gate_survey *survey = state->survey;
    int error = gate_scan_syscalls(range, &candidates);
    survey->writes_gs |= gate_scan_wrgsbase(range);
    for (size_t i = 0; i < candidates.count && !error; i++) {
        uintptr_t instruction = ((const uintptr_t *)candidates.data)[i];
        if (gate_site_known(instruction))
            continue;
        if (gate_site_is_untouchable(range.low, instruction))
            survey->why[RAW_SIGRETURN]++;
        else {
            size_t before = survey->plans.count;
            error = plan_candidate(state, instruction);
            if (survey->plans.count == before)
                survey->own_clone |= is_clone(range, instruction);
        }
    }
    gate_array_free(&candidates);
    return error;
}

int gate_survey_image(const struct gate_image *image, struct gate_survey *survey)
{
    struct survey_state state = { .image = image, .survey = survey };
    int error = 0;
    for (size_t i = 0; i < image->exec_count && !error; i++)
        error = survey_range(&state, image->exec[i]);
    if (!error)
        error = find_jumps(&state);
    if (!error && state.more.count > 0)
        error = replan(&state);
    gate_array_free(&state.more);
    gate_array_free(&state.function.insns);
    gate_array_free(&state.function.targets);
    return error;
}
