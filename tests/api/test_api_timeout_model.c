/* Random nestings of time limits against a model of the rules: a limit reports its time exactly when a wait
 * within it is ended by it; of all limits around a wait, the one that passes first ends it; what is inside
 * that one is skipped and reports nothing; a call that returns first was in time, however late. */
#include "api.h"

#define TREES   60
#define THREADS 12 /* at a time, each with trees of its own */
#define STEPS   4
#define DEPTH   5
#define NODES   200
#define EVENTS  400

enum step { WAIT, SPIN, NEST, STEP_KINDS };

struct node {
    double limit, spin;
    double earliest, latest; /* when it passes, as far as can be measured */
    int steps;
    enum step kind[STEPS];
    struct node *inner[STEPS];
};

struct trial {
    unsigned seed;
    int nodes, events, expected;
    struct node node[NODES];
    struct {
        const struct node *node;
        bool over;
    } event[EVENTS], expect[EVENTS];
    const struct node *around[DEPTH + 1];
    bool ambiguous;
};

static unsigned roll(struct trial *trial, unsigned sides)
{
    trial->seed = trial->seed * 1103515245 + 12345;
    return trial->seed / 65536 % sides;
}

static struct node *grow(struct trial *trial, int depth)
{
    struct node *node = &trial->node[trial->nodes++];
    node->limit = (double)(2 + roll(trial, 40)) / 1000;
    node->spin = (double)roll(trial, 8) / 1000;
    if (depth && roll(trial, 8) == 0)
        node->limit = CORO_FOREVER;
    node->steps = 1 + (int)roll(trial, STEPS);
    for (int i = 0; i < node->steps; i++) {
        node->kind[i] = (enum step)roll(trial, STEP_KINDS + 1);
        if (node->kind[i] >= NEST)
            node->kind[i] = depth + 1 < DEPTH && trial->nodes < NODES - 1 ? NEST : WAIT;
        if (node->kind[i] == NEST)
            node->inner[i] = grow(trial, depth + 1);
    }
    return node;
}

/* ---- as it is ---- */

static void body(struct trial *trial, struct node *node);

static void call(struct trial *trial, struct node *node)
{
    node->earliest = now_seconds() + node->limit;
    int result = coro_with_timeout(node->limit, NULL, body, "v(pp)", trial, node);
    trial->event[trial->events].node = node;
    trial->event[trial->events++].over = result == -1 && errno == ETIMEDOUT;
}

static void body(struct trial *trial, struct node *node)
{
    node->latest = now_seconds() + node->limit;
    for (int i = 0; i < node->steps; i++) {
        double end = now_seconds() + node->spin;
        switch (node->kind[i]) {
        case WAIT:
            for (;;)
                sleep(1000);
        case SPIN:
            while (now_seconds() < end)
                ;
            break;
        default:
            call(trial, node->inner[i]);
        }
    }
}

/* ---- as it should be ---- */

/* Which of the limits around ends a wait. */
static const struct node *first_to_pass(struct trial *trial, int depth)
{
    const struct node *first = trial->around[0];
    for (int i = 1; i <= depth; i++)
        if (trial->around[i]->earliest < first->earliest)
            first = trial->around[i];
    for (int i = 0; i <= depth; i++)
        if (trial->around[i] != first && trial->around[i]->earliest <= first->latest)
            trial->ambiguous = true;
    return first;
}

/* Returns the limit that the stack is unwound to, or NULL. */
static const struct node *expect(struct trial *trial, const struct node *node, int depth)
{
    const struct node *target = NULL;
    trial->around[depth] = node;
    for (int i = 0; i < node->steps && !target && !trial->ambiguous; i++) {
        if (node->kind[i] == WAIT)
            target = first_to_pass(trial, depth);
        else if (node->kind[i] == NEST)
            target = expect(trial, node->inner[i], depth + 1);
    }
    if (target && target != node)
        return target;
    trial->expect[trial->expected].node = node;
    trial->expect[trial->expected++].over = target == node;
    return NULL;
}

static void compare(struct trial *trial, unsigned seed)
{
    for (int i = 0; i < trial->expected || i < trial->events; i++)
        ck_assert_msg(
            trial->event[i].node == trial->expect[i].node &&
                trial->event[i].over == trial->expect[i].over,
            "seed %u, event %d: node %d %s, expected node %d %s", seed, i,
            (int)(trial->event[i].node - trial->node), trial->event[i].over ? "over" : "in time",
            (int)(trial->expect[i].node - trial->node), trial->expect[i].over ? "over" : "in time");
}

static int compared;

static void run_trees(unsigned from)
{
    struct trial *trial = malloc(sizeof(*trial));
    for (unsigned seed = from; seed < from + TREES; seed++) {
        memset(trial, 0, sizeof(*trial));
        trial->seed = seed;
        struct node *root = grow(trial, 0);
        call(trial, root);
        must(expect(trial, root, 0) == NULL);
        if (trial->ambiguous)
            continue; /* limits too near each other to say which passed first */
        compare(trial, seed);
        __atomic_add_fetch(&compared, 1, __ATOMIC_RELAXED);
    }
    free(trial);
}

START_TEST(nestings_do_as_the_model_says)
{
    coro_id ids[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        must((ids[i] = coro_spawn("trees", run_trees, "v(I)", 1000 * i)));
    must(coro_join_all(ids, THREADS, CORO_FOREVER, NULL) == 0);
    must(compared > 10);
}
END_TEST

int main(void)
{
    RUN_TESTS("timeout model", nestings_do_as_the_model_says);
}
