/* What coroctl doctor asks of the process: below the gate, on the monitor. */
#include "shim/doctor.h"

#include "runtime/mem.h"
#include "shim/gate/gate.h"

_Static_assert(DOCTOR_REASONS == RAW_REASONS, "doctor_info.h");
_Static_assert(sizeof((struct doctor_object *)0)->name ==
                   sizeof((struct gate_object_stats *)0)->name,
               "doctor_info.h");

size_t doctor_objects(size_t skip, struct doctor_object *objects, size_t max)
{
    size_t known = 0;

    for (size_t i = 0; i < max; i++) {
        struct gate_object_stats stats;

        known = gate_stats(&stats, skip + i, 1);
        if (skip + i >= known)
            break;
        memset(&objects[i], 0, sizeof(objects[i]));
        memcpy(objects[i].name, stats.name, sizeof(stats.name));
        objects[i].rewritten = stats.rewritten;
        objects[i].raw = stats.raw;
        objects[i].unknown = stats.unknown;
        memcpy(objects[i].why, stats.why, sizeof(stats.why));
    }
    return known;
}
