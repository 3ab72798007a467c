/* corun --check: will a program run under the shim?
 *
 * The library can only act in programs that the dynamic linker of glibc starts and lets it into: a
 * static program has no dynamic linker, a privileged one ignores LD_PRELOAD. Each fact looked at is
 * one line, "PATH: ok: ...", "PATH: problem: ..." or "PATH: note: ...". */
#include "tools/corun/corun.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define GLIBC_INTERPRETER "ld-linux-x86-64.so.2"
#define SCRIPTS_MAX       4 /* interpreters that are scripts themselves; the kernel stops at five */
#define HEADERS_MAX       1024
#define SHELL             "/bin/sh"       /* execvp hands it what the kernel does not recognise */
#define DEFAULT_PATH      "/bin:/usr/bin" /* execvp's */

struct check {
    FILE *report; /* NULL: silent */
    char *reason; /* of the first problem */
    enum check_verdict verdict;
};

/* One finding, and what it means for the whole. */
__attribute__((format(printf, 5, 6))) static void say(struct check *check, const char *path,
                                                      const char *label, enum check_verdict verdict,
                                                      const char *format, ...)
{
    char text[CHECK_REASON_BYTES / 2];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (check->report != NULL)
        fprintf(check->report, "%s: %s: %s\n", path, label, text);
    if (verdict != CHECK_WORKS && check->verdict == CHECK_WORKS) {
        snprintf(check->reason, CHECK_REASON_BYTES, "%s: %s", path, text);
        check->verdict = verdict;
    }
}

#define ok(check, path, ...)      say(check, path, "ok", CHECK_WORKS, __VA_ARGS__)
#define note(check, path, ...)    say(check, path, "note", CHECK_WORKS, __VA_ARGS__)
#define problem(check, path, ...) say(check, path, "problem", CHECK_NATIVE, __VA_ARGS__)
#define failure(check, path, ...) say(check, path, "problem", CHECK_FAILED, __VA_ARGS__)

/* Looks @program up in PATH as execvp does. Returns 0 and @path, or an errno. */
static int find_program(const char *program, char path[PATH_MAX])
{
    const char *list = getenv("PATH");
    int result = ENOENT;

    if (strchr(program, '/') != NULL) {
        snprintf(path, PATH_MAX, "%s", program);
        return access(program, X_OK) == 0 ? 0 : errno;
    }
    if (list == NULL)
        list = DEFAULT_PATH;
    if (program[0] == '\0')
        return ENOENT;
    for (;; list++) {
        int length = (int)strcspn(list, ":");
        struct stat st;

        if (snprintf(path, PATH_MAX, "%.*s%s%s", length, list, length > 0 ? "/" : "", program) <
                PATH_MAX &&
            stat(path, &st) == 0) {
            if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
                return 0;
            result = EACCES;
        }
        list += length;
        if (*list == '\0')
            return result;
    }
}

/* Does executing this file make the process privileged, so that ld.so ignores LD_PRELOAD? */
static void check_privileges(struct check *check, const char *path, int fd)
{
    struct statvfs mount;
    struct stat st;
    bool ignored = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    bool root = getuid() == 0;

    if (fstat(fd, &st) != 0)
        return;
    if (fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_NOSUID))
        ignored = true;
    if (ignored)
        return;
    if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
        problem(check, path, "setuid to user %u: LD_PRELOAD is ignored", st.st_uid);
    else if (st.st_mode & S_ISUID)
        note(check, path, "setuid to the present user: no effect");
    if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
        problem(check, path, "setgid to group %u: LD_PRELOAD is ignored", st.st_gid);
    if (fgetxattr(fd, "security.capability", NULL, 0) > 0) {
        if (root)
            note(check, path, "file capabilities: no effect for root");
        else
            problem(check, path, "file capabilities: LD_PRELOAD is ignored");
    }
}

static void check_interpreter(struct check *check, const char *path, const char *interpreter)
{
    const char *name = strrchr(interpreter, '/');

    name = name != NULL ? name + 1 : interpreter;
    if (strncmp(name, "ld-musl", 7) == 0)
        problem(check, path, "linked with musl (%s), not glibc", interpreter);
    else if (strcmp(name, GLIBC_INTERPRETER) != 0)
        problem(check, path, "dynamic linker %s is not glibc's", interpreter);
    else if (access(interpreter, X_OK) != 0)
        problem(check, path, "dynamic linker %s: %s", interpreter, strerror(errno));
    else
        ok(check, path, "dynamically linked by %s", interpreter);
}

static void check_headers(struct check *check, const char *path, int fd, const Elf64_Ehdr *elf)
{
    char interpreter[PATH_MAX];

    if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum > HEADERS_MAX) {
        failure(check, path, "damaged ELF header");
        return;
    }
    for (int i = 0; i < elf->e_phnum; i++) {
        Elf64_Phdr header;
        off_t offset = (off_t)(elf->e_phoff + (Elf64_Off)i * sizeof(header));

        if (pread(fd, &header, sizeof(header), offset) != sizeof(header))
            break;
        if (header.p_type != PT_INTERP)
            continue;
        if (header.p_filesz < 2 || header.p_filesz > sizeof(interpreter) ||
            pread(fd, interpreter, header.p_filesz, (off_t)header.p_offset) !=
                (ssize_t)header.p_filesz)
            break;
        interpreter[header.p_filesz - 1] = '\0';
        check_interpreter(check, path, interpreter);
        return;
    }
    problem(check, path, "statically linked: there is no dynamic linker to load the shim");
}

static void check_elf(struct check *check, const char *path, int fd, const Elf64_Ehdr *elf)
{
    if (elf->e_ident[EI_CLASS] != ELFCLASS64)
        problem(check, path, "ELF, but not 64-bit");
    else if (elf->e_machine != EM_X86_64 || elf->e_ident[EI_DATA] != ELFDATA2LSB)
        problem(check, path, "ELF for machine %u, not x86-64", elf->e_machine);
    else if (elf->e_type != ET_EXEC && elf->e_type != ET_DYN)
        failure(check, path, "ELF, but not an executable");
    else {
        ok(check, path, "ELF, 64-bit, x86-64");
        check_headers(check, path, fd, elf);
    }
}

static void check_file(struct check *check, const char *path, int depth);

/* "#!/usr/bin/env NAME" stands for NAME; any other interpreter for itself. */
static void check_script(struct check *check, const char *path, char *line, int depth)
{
    char found[PATH_MAX];
    const char *interpreter, *argument, *base;
    char *rest;
    int error;

    line[strcspn(line, "\n")] = '\0';
    interpreter = strtok_r(line + 2, " \t", &rest);
    if (interpreter == NULL || depth >= SCRIPTS_MAX) {
        failure(check, path, "script without a usable interpreter");
        return;
    }
    base = strrchr(interpreter, '/');
    argument = strtok_r(NULL, " \t", &rest);
    if (argument != NULL && strcmp(argument, "-S") == 0)
        argument = strtok_r(NULL, " \t", &rest);
    if (base != NULL && strcmp(base, "/env") == 0 && argument != NULL)
        interpreter = argument;
    error = find_program(interpreter, found);
    if (error != 0) {
        failure(check, path, "script for %s: %s", interpreter, strerror(error));
        return;
    }
    ok(check, path, "script for %s", found);
    check_file(check, found, depth + 1);
}

static void check_file(struct check *check, const char *path, int depth)
{
    _Alignas(Elf64_Ehdr) char start[PATH_MAX] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = fd >= 0 ? pread(fd, start, sizeof(start) - 1, 0) : -1;

    if (fd < 0)
        failure(check, path, "cannot be examined: %s", strerror(errno));
    else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        failure(check, path, "not a file");
    else if (length >= (ssize_t)sizeof(Elf64_Ehdr) && memcmp(start, ELFMAG, SELFMAG) == 0) {
        check_privileges(check, path, fd);
        check_elf(check, path, fd, (const Elf64_Ehdr *)start);
    } else if (length >= 2 && memcmp(start, "#!", 2) == 0)
        check_script(check, path, start, depth);
    else if (length < 0 || memchr(start, '\0', (size_t)length) != NULL || depth > 0)
        failure(check, path, "not a program for this machine");
    else {
        ok(check, path, "no interpreter line: " SHELL " runs it");
        check_file(check, SHELL, depth + 1);
    }
    if (fd >= 0)
        close(fd);
}

enum check_verdict check_program(const char *program, FILE *report, char *reason)
{
    struct check check = { .report = report, .reason = reason, .verdict = CHECK_WORKS };
    char path[PATH_MAX];
    int error = find_program(program, path);

    if (error != 0)
        failure(&check, program, "%s", error == ENOENT ? "not found" : strerror(error));
    else
        check_file(&check, path, 0);
    return check.verdict;
}
