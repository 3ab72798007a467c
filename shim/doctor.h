/* What was rewritten, for coroctl doctor. Below the gate, any kernel thread of ours. */
#ifndef CORO_DOCTOR_H
#define CORO_DOCTOR_H

#include "runtime/base.h"
#include "runtime/doctor_info.h"

/* Fills up to @max objects after the first @skip. Returns how many there are in all. */
size_t doctor_objects(size_t skip, struct doctor_object *objects, size_t max);

#endif
