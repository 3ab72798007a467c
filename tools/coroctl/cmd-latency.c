/* coroctl latency: how long threads wait for their turn and how long they keep it, once or every few
 * seconds. The library's histograms only grow; an interval is the difference of two readings. */
#include <error.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/base.h"
#include "runtime/latency_info.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/json.h"
#include "tools/coroctl/process.h"
#include "tools/coroctl/text.h"

#define BAR_WIDTH 24

static const struct quantile {
    const char *name;
    double part;
} quantiles[] = {
    { "p50", 0.50 }, { "p90", 0.90 }, { "p99", 0.99 }, { "p99.9", 0.999 }, { "max", 1.0 },
};

/* The end of the bucket that @part of the switches reach at most: never too little. */
static uint64_t value_at(const struct latency_histogram *histogram, double part)
{
    uint64_t target = (uint64_t)(part * (double)histogram->count), sum = 0;
    uint32_t last = 0;

    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++) {
        sum += histogram->bucket[i];
        if (histogram->bucket[i] > 0)
            last = i;
        if (sum > target || (sum == target && sum == histogram->count))
            break;
    }
    return latency_bound(last + 1);
}

static uint64_t mean(const struct latency_histogram *histogram)
{
    return histogram->count > 0 ? histogram->sum_ns / histogram->count : 0;
}

static int fetch(struct connection *connection, bool restart, struct latency_info *info)
{
    struct latency_request request = { .restart = restart };
    int code = connection_ask(connection, FRAME_LATENCY, &request, sizeof(request), sizeof(*info));

    if (code == EXIT_OK)
        memcpy(info, connection->body, sizeof(*info));
    return code;
}

static void subtract_histogram(struct latency_histogram *now, const struct latency_histogram *then)
{
    now->count -= then->count;
    now->sum_ns -= then->sum_ns;
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        now->bucket[i] -= then->bucket[i];
}

static struct latency_info since(const struct latency_info *before, const struct latency_info *now)
{
    struct latency_info info = *now;

    if (now->uptime_ns < before->uptime_ns) /* somebody has reset them meanwhile */
        return info;
    info.uptime_ns -= before->uptime_ns;
    info.samples -= before->samples;
    info.stalls -= before->stalls;
    subtract_histogram(&info.queued, &before->queued);
    subtract_histogram(&info.held, &before->held);
    return info;
}

static json_t *histogram_object(const struct latency_histogram *histogram)
{
    json_t *object = json_object(), *buckets = json_array();

    json_object_set_new(object, "switches", json_integer((json_int_t)histogram->count));
    json_object_set_new(object, "mean_ns", json_integer((json_int_t)mean(histogram)));
    for (size_t i = 0; i < ARRAY_SIZE(quantiles) && histogram->count > 0; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%s_ns", quantiles[i].name);
        json_object_set_new(object, name,
                            json_integer((json_int_t)value_at(histogram, quantiles[i].part)));
    }
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        if (histogram->bucket[i] > 0)
            json_array_append_new(buckets, json_pack("{s:I, s:I, s:I}", "from_ns",
                                                     (json_int_t)latency_bound(i), "below_ns",
                                                     (json_int_t)latency_bound(i + 1), "switches",
                                                     (json_int_t)histogram->bucket[i]));
    json_object_set_new(object, "buckets", buckets);
    return object;
}

static void print_json(pid_t pid, const struct latency_info *info)
{
    json_t *object = json_document(pid);

    json_add(object, "interval_ns", json_integer((json_int_t)info->uptime_ns));
    json_add(object, "samples", json_integer((json_int_t)info->samples));
    json_add(object, "stalls", json_integer((json_int_t)info->stalls));
    json_add(object, "stall_ns", json_integer((json_int_t)info->stall_ns));
    json_add(object, "longest_held_ns", json_integer((json_int_t)info->longest_ns));
    json_add(object, "queued", histogram_object(&info->queued));
    json_add(object, "held", histogram_object(&info->held));

    json_print_document(object);
}

static void print_plain(const struct latency_info *info)
{
    puts("FIGURE\tFROM_NS\tBELOW_NS\tSWITCHES");
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        if (info->queued.bucket[i] > 0)
            printf("queued\t%lu\t%lu\t%lu\n", latency_bound(i), latency_bound(i + 1),
                   info->queued.bucket[i]);
    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        if (info->held.bucket[i] > 0)
            printf("held\t%lu\t%lu\t%lu\n", latency_bound(i), latency_bound(i + 1),
                   info->held.bucket[i]);
}

/* @ns in a column, to the right. */
static void print_cell(uint64_t ns, int width)
{
    char text[32];
    FILE *out = fmemopen(text, sizeof(text), "w");

    if (out == NULL)
        error(EXIT_FAILED, 0, "memory");
    print_duration(out, ns);
    fclose(out);
    printf("%*s", width, text);
}

static void print_row(const char *name, const struct latency_info *info, double part)
{
    bool is_mean = part < 0;

    printf("%-8s", name);
    print_cell(is_mean ? mean(&info->queued) : value_at(&info->queued, part), 12);
    print_cell(is_mean ? mean(&info->held) : value_at(&info->held, part), 12);
    putchar('\n');
}

/* How many switches lie in the power of two that begins at @first. */
static uint64_t in_power(const struct latency_histogram *histogram, uint32_t first)
{
    uint64_t sum = 0;

    for (uint32_t i = first; i < first + LATENCY_STEPS; i++)
        sum += histogram->bucket[i];
    return sum;
}

static void print_bar(uint64_t part, uint64_t whole)
{
    unsigned length = whole > 0 ? (unsigned)((part * BAR_WIDTH + whole - 1) / whole) : 0;

    printf("  %5.1f%% %-*.*s", whole > 0 ? 100.0 * (double)part / (double)whole : 0, BAR_WIDTH,
           (int)length, "########################");
}

static void print_histograms(const struct latency_info *info)
{
    uint32_t first = LATENCY_BUCKETS, last = 0;

    for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
        if (info->queued.bucket[i] > 0 || info->held.bucket[i] > 0) {
            first = i < first ? i : first;
            last = i;
        }
    printf("\n%10s  %-*s  %s\n", "below", BAR_WIDTH + 7, "wait for a turn", "a turn lasts");
    for (uint32_t i = first - first % LATENCY_STEPS; i <= last; i += LATENCY_STEPS) {
        print_cell(latency_bound(i + LATENCY_STEPS), 10);
        print_bar(in_power(&info->queued, i), info->queued.count);
        print_bar(in_power(&info->held, i), info->held.count);
        putchar('\n');
    }
}

static void print_all(const struct latency_info *info)
{
    if (info->held.count == 0) {
        puts("no switch was measured yet");
        return;
    }
    printf("%-8s%12s%12s\n", "", "wait", "turn");
    print_row("mean", info, -1);
    for (size_t i = 0; i < ARRAY_SIZE(quantiles); i++)
        print_row(quantiles[i].name, info, quantiles[i].part);
    print_histograms(info);
    printf("\n%lu samples of %lu switches in ", info->samples, info->held.count);
    print_duration(stdout, info->uptime_ns);
    printf("; longest turn seen ");
    print_duration(stdout, info->longest_ns);
    printf("; %lu stall%s beyond ", info->stalls, info->stalls == 1 ? "" : "s");
    print_duration(stdout, info->stall_ns);
    putchar('\n');
}

static void print_info(const struct settings *settings, pid_t pid, const struct latency_info *info)
{
    if (settings->json)
        print_json(pid, info);
    else if (settings->plain)
        print_plain(info);
    else
        print_all(info);
    fflush(stdout);
}

static int print_intervals(struct connection *connection, const struct settings *settings,
                           struct latency_info *before)
{
    struct timespec pause = { .tv_sec = (time_t)settings->interval_s };

    pause.tv_nsec = (long)((settings->interval_s - (double)pause.tv_sec) * NSEC_PER_SEC);
    for (unsigned turn = 0; settings->count == 0 || turn < settings->count; turn++) {
        struct latency_info now, interval;
        int code;

        nanosleep(&pause, NULL);
        code = fetch(connection, false, &now);
        if (code != EXIT_OK)
            return code;
        interval = since(before, &now);
        if (turn > 0 && !settings->json && !settings->plain)
            putchar('\n');
        print_info(settings, connection->pid, &interval);
        *before = now;
    }
    return EXIT_OK;
}

static int latency_run(const struct settings *settings)
{
    static struct connection connection;
    struct latency_info info;
    int code;

    if (settings->count > 0 && settings->interval_s <= 0) {
        error(0, 0, "latency -n needs -i");
        return EXIT_USAGE;
    }
    code = connection_choose(settings->process, &connection);
    if (code != EXIT_OK)
        return code;
    code = fetch(&connection, settings->reset, &info);
    if (code == EXIT_OK && settings->interval_s > 0)
        code = print_intervals(&connection, settings, &info);
    else if (code == EXIT_OK)
        print_info(settings, connection.pid, &info);
    connection_close(&connection);
    return code;
}

static const struct argp_option latency_options[] = {
    OPTION_PROCESS,
    { "interval", 'i', "TIME", 0, "Print the figures of every so many seconds, until stopped", 0 },
    { "count", 'n', "N", 0, "Stop after N of them", 0 },
    { "reset", KEY_RESET_FIGURES, NULL, 0, "Begin anew after this", 0 },
    OPTION_JSON,
    OPTION_PLAIN,
    { 0 },
};

const struct command command_latency = {
    .name = "latency",
    .summary = "print how long threads wait for their turn",
    .description = "The wait from runnable to running, and how long a turn lasts until the thread "
                   "gives the carrier away. The figures are of sampled switches.",
    .options = latency_options,
    .run = latency_run,
};
