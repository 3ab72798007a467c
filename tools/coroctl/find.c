/* Which processes are under coroshim: those that listen on a control socket.
 *
 * Sockets are looked for where control.c puts them: in our own directories; for root, in
 * everybody's; and for one process that is asked for, also in its owner's and in the
 * XDG_RUNTIME_DIR of its environment. A directory is opened without following links and must belong
 * to us, to root, or (asked by root) to the user whom its place belongs to: then nobody else can
 * have put a socket there. Names are only resolved below its descriptor, so it cannot be exchanged
 * under us. */
#include "tools/coroctl/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/coroctl/command.h"

struct search {
    pid_t pid; /* 0: all */
    struct process_list found;
};

void process_name(pid_t pid, char *name, size_t size)
{
    char path[32];
    FILE *file;

    name[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fgets(name, (int)size, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    fclose(file);
}

static bool already_found(const struct search *search, pid_t pid)
{
    for (size_t i = 0; i < search->found.count; i++)
        if (search->found.items[i].pid == pid)
            return true;
    return false;
}

static void add(struct search *search, pid_t pid, int fd)
{
    struct process_list *found = &search->found;
    struct process *process;

    found->items = reallocarray(found->items, found->count + 1, sizeof(*found->items));
    if (found->items == NULL)
        error(EXIT_FAILED, errno, "memory");
    process = &found->items[found->count++];
    process->pid = pid;
    process->fd = fd;
    process_name(pid, process->name, sizeof(process->name));
}

/* "123.sock" as 123, anything else as 0. */
static pid_t pid_of_name(const char *name)
{
    char *end;
    long pid;

    if (!isdigit((unsigned char)name[0]) || name[0] == '0')
        return 0;
    pid = strtol(name, &end, 10);
    return strcmp(end, PROTOCOL_SUFFIX) == 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Connects by way of the directory's descriptor, which also makes long paths short. Returns -1 with
 * errno, having removed a socket that nobody listens on: its process died, or executes another
 * program now. */
static int connect_to(int directory, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = PROCESS_PATIENCE_S };
    int error_code, fd;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        error(EXIT_FAILED, errno, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.40s", directory, name);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error_code = errno;
    if (error_code == ECONNREFUSED)
        unlinkat(directory, name, 0);
    close(fd);
    errno = error_code;
    return -1;
}

static void try_socket(struct search *search, int directory, const char *name, pid_t pid)
{
    int fd;

    if (already_found(search, pid))
        return;
    fd = connect_to(directory, name);
    if (fd >= 0)
        add(search, pid, fd);
    else if (errno == EACCES || errno == EPERM)
        search->found.denied = true;
    else if (errno == EAGAIN)
        error(0, 0, "process %d accepts no connection", (int)pid);
}

/* Removes what a dead process left. A pid that only seems dead, for it lives in another namespace,
 * accepts connections. */
static void sweep(int directory, const char *name, pid_t pid)
{
    int fd;

    if (kill(pid, 0) == 0 || errno != ESRCH)
        return;
    fd = connect_to(directory, name);
    if (fd >= 0)
        close(fd);
}

static void search_open_directory(struct search *search, int fd)
{
    DIR *directory = fdopendir(fd);
    struct dirent *entry;

    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        pid_t pid = pid_of_name(entry->d_name);

        if (pid <= 0)
            continue;
        if (search->pid == 0 || search->pid == pid)
            try_socket(search, fd, entry->d_name, pid);
        else
            sweep(fd, entry->d_name, pid);
    }
    closedir(directory);
}

static void search_directory(struct search *search, const char *path, uid_t owner)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        search->found.denied |= errno == EACCES;
        return;
    }
    if (fstat(fd, &st) == 0 && (st.st_mode & 077) == 0 &&
        (st.st_uid == geteuid() || st.st_uid == 0 || st.st_uid == owner))
        search_open_directory(search, fd); /* closes fd */
    else
        close(fd);
}

static void search_user(struct search *search, uid_t user)
{
    char path[64];

    snprintf(path, sizeof(path), "/run/user/%u/" PROTOCOL_DIRECTORY, user);
    search_directory(search, path, user);
    snprintf(path, sizeof(path), "/tmp/" PROTOCOL_DIRECTORY "-%u", user);
    search_directory(search, path, user);
}

/* All users' directories: what stands for * is the uid. */
static void search_everybody(struct search *search)
{
    static const char *const patterns[] = { "/run/user/[0-9]*/" PROTOCOL_DIRECTORY,
                                            "/tmp/" PROTOCOL_DIRECTORY "-[0-9]*" };

    for (size_t i = 0; i < 2; i++) {
        size_t prefix = strcspn(patterns[i], "[");
        glob_t paths;

        if (glob(patterns[i], GLOB_NOSORT, NULL, &paths) != 0)
            continue;
        for (size_t j = 0; j < paths.gl_pathc; j++)
            search_directory(search, paths.gl_pathv[j],
                             (uid_t)strtoul(paths.gl_pathv[j] + prefix, NULL, 10));
        globfree(&paths);
    }
}

static void search_below(struct search *search, const char *parent, uid_t owner)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/" PROTOCOL_DIRECTORY, parent) < (int)sizeof(path))
        search_directory(search, path, owner);
}

/* Where the process itself was told to put it. */
static void search_process_environment(struct search *search, uid_t owner)
{
    static const char variable[] = "XDG_RUNTIME_DIR=";
    char path[32], *entry = NULL;
    size_t size = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)search->pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    while (getdelim(&entry, &size, '\0', file) > 0)
        if (strncmp(entry, variable, sizeof(variable) - 1) == 0)
            search_below(search, entry + sizeof(variable) - 1, owner);
    free(entry);
    fclose(file);
}

struct process_list process_find(pid_t pid)
{
    struct search search = { .pid = pid };
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[32];
    struct stat st;

    if (runtime != NULL && runtime[0] == '/')
        search_below(&search, runtime, geteuid());
    search_user(&search, geteuid());
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (pid != 0 && search.found.count == 0 && stat(path, &st) == 0) {
        search_user(&search, st.st_uid);
        search_process_environment(&search, st.st_uid);
    }
    if (geteuid() == 0 && (pid == 0 || search.found.count == 0))
        search_everybody(&search);
    return search.found;
}

void process_list_free(struct process_list *list, const struct process *keep)
{
    int fd = keep != NULL ? keep->fd : -1;

    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].fd != fd)
            close(list->items[i].fd);
    free(list->items);
    *list = (struct process_list){ 0 };
}
