/* gate_open and gate_refresh: rewriting everything that is loaded, or has been loaded since.
 *
 * Above the gate. All planning comes first, for every object; then the decoder library goes, all
 * stubs are written, and only then is the first byte of text changed. So a refusal finds either
 * nothing changed or a list of areas to change back.
 *
 * `known` lists the objects as they were at the last call, so that refresh tells the new ones and
 * those that went. An object unloaded and loaded again at the same place looks the same in that
 * list; its fresh text, without our jumps, gives it away.
 *
 * gate_open runs while the process has one kernel thread. gate_refresh may be called by several
 * carriers, and from within itself (loading the decoder is a dlopen): whoever finds it busy leaves
 * a note, and the one inside looks again. */
#include <errno.h>

#include "shim/gate/internal.h"
#include "shim/log.h"

/* One object on its way through a pass. */
struct work {
    const struct gate_image *image;
    struct gate_survey survey;
    struct gate_area *area;
};

static struct gate_array known; /* struct gate_image */
static struct gate_loads known_loads;
static bool busy, again;
static bool raw_clones; /* threads made at a raw site are seen all the same */

static const struct gate_image *image_at(const struct gate_array *images, size_t index)
{
    return (const struct gate_image *)images->data + index;
}

static bool same_image(const struct gate_image *a, const struct gate_image *b)
{
    return a->base == b->base && a->low == b->low && a->high == b->high &&
           __builtin_strcmp(a->name, b->name) == 0;
}

static const struct gate_image *find_image(const struct gate_array *images,
                                           const struct gate_image *wanted)
{
    for (size_t i = 0; i < images->count; i++)
        if (same_image(image_at(images, i), wanted))
            return image_at(images, i);
    return NULL;
}

/* True when no area lies in @image, or its text still jumps there. */
static bool text_is_ours(const struct gate_image *image)
{
    for (const struct gate_area *area = gate_areas(); area; area = area->next)
        if (!area->dead && area->count > 0 && area->site[0].start >= image->low &&
            area->site[0].start < image->high && !gate_patch_present(area))
            return false;
    return true;
}

/* Drops from `known` what went, and what was replaced at its place. */
static void forget_unloaded(const struct gate_array *images)
{
    struct gate_image *list = known.data;
    size_t kept = 0;
    for (size_t i = 0; i < known.count; i++) {
        const struct gate_image *now = find_image(images, &list[i]);
        if (now && text_is_ours(now))
            list[kept++] = list[i];
        else
            gate_range_forget(list[i].low, list[i].high);
    }
    known.count = kept;
}

static int list_work(const struct gate_array *images, struct gate_array *works)
{
    for (size_t i = 0; i < images->count; i++) {
        const struct gate_image *image = image_at(images, i);
        if (find_image(&known, image))
            continue;
        struct work *work = gate_array_push(works, sizeof(*work));
        if (!work)
            return -ENOMEM;
        *work = (struct work){ .image = image };
    }
    return 0;
}

static int plan_all(struct gate_array *works)
{
    struct work *work = works->data;
    int error = 0;
    for (size_t i = 0; i < works->count && !error; i++)
        error = gate_survey_image(work[i].image, &work[i].survey);
    gate_decoder_close();
    for (size_t i = 0; i < works->count && !error; i++)
        error = gate_area_make(work[i].image, &work[i].survey.plans, &work[i].area);
    return error;
}

/* Why a process stays native though its sites can be planned; later objects are taken as they are. */
static int refusal(const struct gate_array *works)
{
    const struct work *work = works->data;
    if (gate_decoder_was_absent())
        return -ENOENT; /* libc's own thread exit would stay raw, and end the carrier */
    for (size_t i = 0; i < works->count; i++) {
        if (work[i].survey.own_clone && !raw_clones)
            return -ENOTSUP;
        if (work[i].survey.writes_gs)
            return -EBUSY;
    }
    return 0;
}

static void warn_of_gs(const struct gate_array *works)
{
    const struct work *work = works->data;
    for (size_t i = 0; i < works->count; i++)
        if (work[i].survey.writes_gs)
            log_line(
                LOG_WARN,
                "%s writes the GS register, by which coroshim finds its own state: the process "
                "breaks where it does; CORO=off avoids it",
                work[i].image->name);
}

static int patch_all(struct gate_array *works)
{
    struct work *work = works->data;
    for (size_t i = 0; i < works->count; i++) {
        int error = work[i].area ? gate_patch(work[i].image, work[i].area) : 0;
        if (!error)
            continue;
        while (i-- > 0)
            if (work[i].area)
                gate_unpatch(work[i].image, work[i].area);
        return error;
    }
    return 0;
}

static void publish_all(struct gate_array *works)
{
    struct work *work = works->data;
    for (size_t i = 0; i < works->count; i++) {
        uint32_t rewritten = 0;
        uint32_t refused = (uint32_t)work[i].survey.plans.count;
        if (work[i].area) {
            rewritten = (uint32_t)work[i].area->count;
            gate_area_publish(work[i].area);
        }
        refused -= rewritten;
        if (work[i].image->is_libc)
            rewritten += gate_armed_count();
        work[i].survey.why[RAW_NO_ROOM] += refused;
        gate_stats_set(work[i].image->name, rewritten, work[i].survey.why, work[i].survey.unknown);
    }
}

static void free_works(struct gate_array *works, bool published)
{
    struct work *work = works->data;
    for (size_t i = 0; i < works->count; i++) {
        gate_array_free(&work[i].survey.plans);
        if (!published)
            gate_area_drop(work[i].area);
    }
    gate_array_free(works);
}

/* Rewrites what is loaded and not known; on success the list becomes the known one. @first: in
 * gate_open, which may still refuse. */
static int rewrite_new(bool first)
{
    struct gate_array images = { 0 }, works = { 0 };
    struct gate_loads loads;
    int error = gate_images(&images, &loads);
    if (!error) {
        forget_unloaded(&images);
        error = list_work(&images, &works);
    }
    if (!error)
        error = plan_all(&works);
    if (!error && first)
        error = refusal(&works);
    if (!first)
        warn_of_gs(&works);
    if (!error)
        error = patch_all(&works);
    if (!error)
        publish_all(&works);
    free_works(&works, !error);
    if (error) {
        gate_array_free(&images);
        return error;
    }
    gate_array_free(&known);
    known = images;
    known_loads = gate_loads_now(); /* the decoder came and went meanwhile */
    return 0;
}

int gate_open(bool raw_clones_work)
{
    int saved_errno = errno;
    raw_clones = raw_clones_work;
    busy = true;
    int error = rewrite_new(true);
    busy = false;
    errno = saved_errno;
    return error;
}

static bool nothing_changed(void)
{
    struct gate_loads now = gate_loads_now();
    return now.adds == known_loads.adds && now.subs == known_loads.subs;
}

void gate_refresh(void)
{
    if (nothing_changed())
        return;
    __atomic_store_n(&again, true, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&busy, true, __ATOMIC_SEQ_CST))
        return;
    int saved_errno = errno;
    while (__atomic_exchange_n(&again, false, __ATOMIC_SEQ_CST) && !nothing_changed())
        if (rewrite_new(false))
            break; /* its objects stay raw */
    __atomic_store_n(&busy, false, __ATOMIC_SEQ_CST);
    errno = saved_errno;
}
