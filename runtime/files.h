/* Our own descriptors in the child of a fork. */
#ifndef CORO_FILES_H
#define CORO_FILES_H

#include "runtime/base.h"

/* The child shares its parent's table (clone with CLONE_FILES), until all of ours is forgotten: what it
 * closed, the parent would miss. */
extern bool files_lent;

/* Closes a descriptor of ours, but not one that is lent. */
void files_let_go(int fd);

#endif
