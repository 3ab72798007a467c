/* The parts of corun: options and exec in tools/corun.c, the rest here. */
#ifndef CORUN_H
#define CORUN_H

#include <stddef.h>
#include <stdio.h>

#include "shim/conf.h"

/* Exit codes as of env(1) and timeout(1): corun itself failed, PROGRAM cannot be executed, PROGRAM
 * cannot be found. Anything else is PROGRAM's own. */
#define EXIT_CORUN       125
#define EXIT_CANNOT_EXEC 126
#define EXIT_NOT_FOUND   127

/* check.c: whether a program will run under the shim. */

#define CHECK_REASON_BYTES 256

enum check_verdict {
    CHECK_WORKS,
    CHECK_NATIVE, /* it runs, but the library is not loaded */
    CHECK_FAILED, /* it cannot be found, read or executed */
};

/* Looks @program up as execvp does and examines it, and the interpreter of a script. Prints one
 * line per finding to @report unless that is NULL. Unless it works, @reason (CHECK_REASON_BYTES)
 * holds the first thing that speaks against it. */
enum check_verdict check_program(const char *program, FILE *report, char *reason);

/* preload.c: the library, and LD_PRELOAD. */

/* Finds libcoroshim.so: CORO_LIB, beside corun, or where it was installed. Returns its absolute
 * path, from malloc; exits with EXIT_CORUN and a message when there is none. */
char *find_library(void);

/* Puts @library first in LD_PRELOAD, once, and keeps what else is there. */
void preload(const char *library);

/* help.c: texts made from the rows of conf.def. */

/* What the words of a CONF_ENUM are together. */
const char *enum_value(const struct conf_variable *variable);

/* The help of @variable's option, from malloc. */
char *option_help(const struct conf_variable *variable);

/* The part of --help on the environment, from malloc. */
char *environment_help(void);

#endif
