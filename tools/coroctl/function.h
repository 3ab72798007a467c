/* Functions of a process by name, from its objects' symbols and debugging information. */
#ifndef COROCTL_FUNCTION_H
#define COROCTL_FUNCTION_H

#include "tools/coroctl/expression.h"
#include "tools/coroctl/process.h"

/* What the debugging information knows of a function. */
struct signature {
    bool known;
    bool is_variadic;
    int returns; /* enum call_type, TYPE_UNKNOWN or TYPE_OTHER; the parameters too */
    size_t count;
    int parameters[CALL_ARGUMENTS_MAX];
};

/* Fills in where the function is that @expression names, for the process whose objects image_open has
 * read: address, flags, name and object of @call. Returns an enum exit_code, having said why unless
 * it is 0. */
int function_find(pid_t pid, const struct expression *expression, struct call_info *call,
                  struct signature *signature);

struct Dwfl_Module;

/* signature.c: of the function that begins at @address in @module; unchanged: nothing is known. */
void signature_find(struct Dwfl_Module *module, uint64_t address, struct signature *signature);

#endif
