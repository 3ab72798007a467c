/* What the program finds about its threads below /proc.
 *
 * The kernel knows the carrier and our own kernel threads. So the files that name a thread, count
 * threads or tell of their signals and scheduling are made here from the kernel's, as memory files, when they are
 * opened; the list of threads is made when it is read. */
#include "interpose/procfs.h"

#include <linux/fcntl.h>

#include "interpose/signal.h"
#include "shim/log.h"

#define TEXT_BYTES      4096UL
#define LINE_BYTES      256
#define CLOSE_ON_EXEC   1 /* MFD_CLOEXEC */
#define SEEK_TO         0
#define SEEK_HERE       1
#define FOLDER          4 /* DT_DIR */
#define STAT_SIGNAL_MAX 0x7fffffffUL
#define AFFINITY_CPUS   (8U * AFFINITY_BYTES)
#define NICE_ZERO       20L
#define RT_PRIORITY_MAX 99

/* Fields of stat, from 1. */
enum {
    STAT_PRIORITY = 18,
    STAT_NICE,
    STAT_THREADS,
    STAT_PENDING = 31,
    STAT_BLOCKED,
    STAT_IGNORED,
    STAT_CAUGHT,
    STAT_RT_PRIORITY = 40,
    STAT_POLICY
};

static const char *skip(const char *path, const char *prefix)
{
    while (*prefix && *path == *prefix)
        path++, prefix++;
    return *prefix ? NULL : path;
}

static const char *skip_number(const char *at, uint32_t *number)
{
    const char *begin = at;
    for (*number = 0; *at >= '0' && *at <= '9' && *number < UINT32_MAX / 10; at++)
        *number = *number * 10 + (uint32_t)(*at - '0');
    return at == begin ? NULL : at;
}

bool proc_path_parse(const char *path, struct proc_path *out)
{
    uint32_t id;
    const char *at, *task;
    *out = (struct proc_path){ .co = runtime.main };
    if (*path != '/' || !(path = skip(path, "/proc/")))
        return false;
    if ((at = skip(path, "thread-self"))) {
        *out = (struct proc_path){ this_co(), true, at };
    } else if (!(at = skip(path, "self"))) {
        if (!(at = skip_number(path, &id)))
            return false;
        if (id != (uint32_t)runtime.pid) {
            if (id < TID_LOWEST || !(out->co = co_by_tid(id)))
                return false;
            out->of_thread = true;
        }
    }
    if ((task = skip(at, "/task/")) && (task = skip_number(task, &id))) {
        struct co *co = co_by_tid(id);
        if (!co)
            return false;
        *out = (struct proc_path){ co, true, at = task };
    }
    out->rest = at;
    return *at == '/' || !*at;
}

bool proc_is_thread_self(const char *path)
{
    const char *rest = skip(path, "/proc/thread-self");
    return rest && !*rest;
}

void proc_path_for_kernel(const struct proc_path *path, char kernel[PROC_PATH_BYTES])
{
    format_text(kernel, PROC_PATH_BYTES, "/proc/%d%s", runtime.pid, path->rest);
    if (path->of_thread)
        format_text(kernel, PROC_PATH_BYTES, "/proc/%d/task/%d%s", runtime.pid,
                    runtime.carrier.kernel_tid, path->rest);
}

static sigbits with_handler(bool ignored)
{
    sigbits set = 0;
    for (int signal = 1; signal <= SIGNALS; signal++) {
        uintptr_t handler = process_signals.action[signal].handler;
        if (ignored ? handler == 1 : handler > 1)
            set |= sigbit(signal);
    }
    return set;
}

/* A text that grows; what has no room is lost. */
struct text {
    char *at;
    size_t length;
};

static void add(struct text *text, const char *from, size_t bytes)
{
    if (text->length + bytes >= TEXT_BYTES)
        return;
    memcpy(text->at + text->length, from, bytes);
    text->length += bytes;
}

static bool begins(const char *line, size_t length, const char *name)
{
    size_t bytes = strlen(name);
    return length >= bytes && memcmp(line, name, bytes) == 0;
}

static size_t status_line(char out[LINE_BYTES], const char *line, size_t length,
                          const struct proc_path *path)
{
    const struct co *co = path->co;
    const struct {
        const char *name;
        sigbits set;
    } sets[] = {
        { "SigPnd:", co ? co->signals.pending.set : 0 },
        { "ShdPnd:", process_signals.pending.set | (co ? co->signals.routed.set : 0) },
        { "SigBlk:", co ? co->signals.mask : 0 },
        { "SigIgn:", with_handler(true) },
        { "SigCgt:", with_handler(false) },
    };
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        if (begins(line, length, sets[i].name))
            return format_text(out, LINE_BYTES, "%s\t%016lx\n", sets[i].name, sets[i].set);
    }
    if (begins(line, length, "Threads:"))
        return format_text(out, LINE_BYTES, "Threads:\t%u\n", runtime.live);
    if (co && begins(line, length, "Name:"))
        return format_text(out, LINE_BYTES, "Name:\t%s\n", co->name);
    if (path->of_thread && begins(line, length, "Pid:"))
        return format_text(out, LINE_BYTES, "Pid:\t%u\n", co->tid);
    return 0;
}

/* "0-3,8" */
static void add_ranges(struct text *out, const uint64_t *set)
{
    char range[LINE_BYTES];
    const char *between = "";
    for (unsigned cpu = 0; cpu < AFFINITY_CPUS; cpu++) {
        unsigned first = cpu;
        while (cpu < AFFINITY_CPUS && set[cpu / 64] >> cpu % 64 & 1)
            cpu++;
        if (cpu == first)
            continue;
        size_t bytes = format_text(range, sizeof(range), "%s%u", between, first);
        if (cpu > first + 1)
            bytes += format_text(range + bytes, sizeof(range) - bytes, "-%u", cpu - 1);
        add(out, range, bytes);
        between = ",";
    }
    add(out, "\n", 1);
}

/* Hexadecimal, in the kernel's width: @digits as it has them, with a comma before each eight. */
static void add_mask(struct text *out, const char *digits, size_t length, const uint64_t *set)
{
    unsigned place = 0;
    for (size_t i = 0; i < length; i++)
        place += digits[i] != ',' && digits[i] != '\n';
    for (size_t i = 0; i < length; i++) {
        char digit[2] = { digits[i] };
        if (digit[0] != ',' && digit[0] != '\n' && --place < AFFINITY_CPUS / 4)
            format_text(digit, sizeof(digit), "%x",
                        (unsigned)(set[place / 16] >> place % 16 * 4) & 15);
        add(out, digit, 1);
    }
}

/* False: the line is another, or the thread may be where its carrier may. */
static bool add_processors(struct text *out, const char *line, size_t length, const struct co *co)
{
    static const char list[] = "Cpus_allowed_list:\t", mask[] = "Cpus_allowed:\t";
    const size_t list_bytes = sizeof(list) - 1, mask_bytes = sizeof(mask) - 1;
    if (!co || !co->affinity)
        return false;
    if (begins(line, length, list)) {
        add(out, line, list_bytes);
        add_ranges(out, co->affinity);
    } else if (begins(line, length, mask)) {
        add(out, line, mask_bytes);
        add_mask(out, line + mask_bytes, length - mask_bytes, co->affinity);
    } else {
        return false;
    }
    return true;
}

static void make_status(struct text *out, const char *from, const struct proc_path *path)
{
    char changed[LINE_BYTES];
    while (*from) {
        size_t length = 0;
        while (from[length] && from[length++] != '\n')
            ;
        size_t bytes = status_line(changed, from, length, path);
        if (!add_processors(out, from, length, path->co))
            add(out, bytes ? changed : from, bytes ? bytes : length);
        from += length;
    }
}

/* An ordinary thread's priority is its niceness; a deadline is above all others. */
static bool schedule_field(int field, const struct co *co, long *value)
{
    unsigned priority = co->rt_priority;
    switch (field) {
    case STAT_PRIORITY:
        *value = priority ? -1L - priority : NICE_ZERO + co->policy.nice;
        return true;
    case STAT_NICE:
        *value = co->policy.nice;
        return true;
    case STAT_RT_PRIORITY:
        *value = priority > RT_PRIORITY_MAX ? 0 : priority;
        return true;
    case STAT_POLICY:
        *value = co->policy.policy;
        return true;
    default:
        return false;
    }
}

static bool stat_field(int field, const struct proc_path *path, long *value)
{
    const struct co *co = path->co;
    sigbits set = 0;
    switch (field) {
    case STAT_THREADS:
        *value = runtime.live;
        return true;
    case STAT_PENDING:
        set = process_signals.pending.set |
              (co ? co->signals.pending.set | co->signals.routed.set : 0);
        break;
    case STAT_BLOCKED:
        set = co ? co->signals.mask : 0;
        break;
    case STAT_IGNORED:
    case STAT_CAUGHT:
        set = with_handler(field == STAT_IGNORED);
        break;
    default:
        return co && schedule_field(field, co, value);
    }
    *value = (long)(set & STAT_SIGNAL_MAX);
    return true;
}

/* "PID (NAME) S ...": a name may hold spaces and parentheses. */
static void make_stat(struct text *out, const char *from, const struct proc_path *path)
{
    char changed[LINE_BYTES];
    const char *after = from;
    for (const char *at = from; *at; at++)
        after = *at == ')' ? at + 2 : after;
    size_t head = (size_t)(after - from);
    if (path->co)
        head = format_text(changed, sizeof(changed), "%u (%s) ", path->co->tid, path->co->name);
    add(out, path->co ? changed : from, head);
    for (int field = 3; *after; field++) {
        long value;
        size_t length = 0;
        while (after[length] && after[length++] != ' ')
            ;
        bool ours = stat_field(field, path, &value);
        size_t bytes = ours ? format_text(changed, sizeof(changed), "%ld ", value) : length;
        add(out, ours ? changed : after, bytes);
        after += length;
    }
}

static void make_comm(struct text *out, const char *from, const struct proc_path *path)
{
    char line[CO_NAME_BYTES + 1];
    if (path->co)
        add(out, line, format_text(line, sizeof(line), "%s\n", path->co->name));
    else
        add(out, from, strlen(from));
}

/* The kernel's file at @path, as text, in @to. Returns its length or -errno. */
static long read_kernels(const struct proc_path *path, char to[TEXT_BYTES])
{
    char name[PROC_PATH_BYTES];
    proc_path_for_kernel(path, name);
    long fd = sys4(__NR_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    long length = sys3(__NR_read, fd, to, TEXT_BYTES - 1);
    sys1(__NR_close, fd);
    to[length > 0 ? length : 0] = 0;
    return length;
}

long proc_open(const struct proc_path *path, int flags)
{
    static const struct {
        const char *rest;
        void (*make)(struct text *out, const char *from, const struct proc_path *path);
    } files[] = { { "/comm", make_comm }, { "/stat", make_stat }, { "/status", make_status } };
    size_t i = 0;
    while (i < ARRAY_SIZE(files) && !text_equal(path->rest, files[i].rest))
        i++;
    if (i == ARRAY_SIZE(files) || (flags & O_ACCMODE) != O_RDONLY)
        return OP_PASS;
    char *kernels = pages_map(2 * TEXT_BYTES);
    if (!kernels)
        return -ENOMEM;
    struct text text = { .at = kernels + TEXT_BYTES };
    long fd = read_kernels(path, kernels);
    if (fd >= 0) {
        files[i].make(&text, kernels, path);
        fd = sys2(__NR_memfd_create, files[i].rest + 1, flags & O_CLOEXEC ? CLOSE_ON_EXEC : 0);
    }
    if (fd >= 0)
        sys4(__NR_pwrite64, fd, text.at, text.length, 0);
    pages_unmap(kernels, 2 * TEXT_BYTES);
    return fd;
}

/* One entry of getdents64 at @out, if it fits in @room. Returns its bytes or 0. */
static size_t put_entry(char *out, size_t room, int64_t next, const char *name)
{
    size_t length = strlen(name) + 1, bytes = align_up(sizeof(struct proc_entry) + length, 8);
    if (bytes > room)
        return 0;
    struct proc_entry entry = {
        .inode = (uint64_t)next, .offset = next, .bytes = (uint16_t)bytes, .type = FOLDER
    };
    memcpy(out, &entry, sizeof(entry));
    memcpy(out + sizeof(entry), name, length);
    return bytes;
}

/* Positions: 0 and 1 are the dots, N + 1 is the thread with id N or the next. */
long proc_list_threads(int directory, char *entries, size_t bytes)
{
    long position = sys3(__NR_lseek, directory, 0, SEEK_HERE);
    size_t filled = 0, size = 1;
    for (; position < 2 && size; filled += size) {
        size = put_entry(entries + filled, bytes - filled, position + 1, position ? ".." : ".");
        position += size != 0;
    }
    struct list *node, *after;
    list_for_each (node, after, &runtime.all) {
        const struct co *co = container_of(node, struct co, all);
        char name[LINE_BYTES];
        if (!size || (long)co->id + 1 < position || co->state == CO_DEAD)
            continue;
        format_text(name, sizeof(name), "%u", co->tid);
        size = put_entry(entries + filled, bytes - filled, (long)co->id + 2, name);
        filled += size;
        position = size ? (long)co->id + 2 : position;
    }
    sys3(__NR_lseek, directory, position, SEEK_TO);
    return filled || size ? (long)filled : -EINVAL;
}
