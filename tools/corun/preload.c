/* Where libcoroshim.so is, and how it gets into LD_PRELOAD.
 *
 * corun works from a build directory (library beside it), from any prefix (../lib) and from where
 * it was installed (LIBDIR), in this order, so that a fresh build never picks up an older
 * installation. */
#include "tools/corun/corun.h"

#include <errno.h>
#include <error.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib"
#endif

#define LIBRARY "libcoroshim.so"

/* ld.so splits LD_PRELOAD at these and knows no quoting. */
#define SEPARATORS ": "

/* The absolute path of @directory/@tail when it is a readable file, or NULL. */
static char *try_library(const char *directory, const char *tail)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s%s", directory, tail) >= (int)sizeof(path))
        return NULL;
    return access(path, R_OK) == 0 ? realpath(path, NULL) : NULL;
}

static char *search(void)
{
    static const char *const tails[] = {
        "/" LIBRARY,
        "/../lib/" LIBRARY,
        "/../lib/x86_64-linux-gnu/" LIBRARY,
        "/../lib/coroshim/" LIBRARY,
    };
    char executable[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", executable, sizeof(executable) - 1);
    char *library = NULL;

    if (length > 0) {
        char *directory;

        executable[length] = '\0';
        directory = dirname(executable);
        for (size_t i = 0; i < ARRAY_SIZE(tails) && library == NULL; i++)
            library = try_library(directory, tails[i]);
    }
    return library != NULL ? library : try_library(LIBDIR, "/" LIBRARY);
}

char *find_library(void)
{
    const char *named = getenv("CORO_LIB");
    char *library;

    if (named != NULL && named[0] != '\0') {
        library = try_library(named, "");
        if (library == NULL)
            error(EXIT_CORUN, errno, "CORO_LIB=%s", named);
    } else {
        library = search();
        if (library == NULL)
            error(EXIT_CORUN, 0, "cannot find %s; CORO_LIB can name it", LIBRARY);
    }
    if (strpbrk(library, SEPARATORS) != NULL)
        error(EXIT_CORUN, 0, "%s: LD_PRELOAD cannot hold a path with a space or colon", library);
    return library;
}

void preload(const char *library)
{
    const char *rest = getenv("LD_PRELOAD");
    char *list;

    if (rest == NULL)
        rest = "";
    list = malloc(strlen(library) + strlen(rest) + 2);
    if (list == NULL)
        error(EXIT_CORUN, errno, "memory");
    *list = '\0';
    for (;;) {
        size_t length;

        rest += strspn(rest, SEPARATORS);
        length = strcspn(rest, SEPARATORS);
        if (length == 0)
            break;
        if (length != strlen(library) || memcmp(rest, library, length) != 0) {
            strncat(list, rest, length);
            strcat(list, ":");
        }
        rest += length;
    }
    strcat(list, library); /* last: other interposers see the program's calls before us */
    if (setenv("LD_PRELOAD", list, 1) != 0)
        error(EXIT_CORUN, errno, "LD_PRELOAD");
    free(list);
}
