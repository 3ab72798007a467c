/* The symbol doors that the table's CALL rows describe entirely. */
#include "interpose/doors.h"

#define GATE0(...)
#define GATE1(...)
#define GATE2(...)
#define GATE3(...)
#define GATE4(...)
#define GATE5(...)
#define GATE6(...)
#define DOOR(f, name)

#define CALL0(f, name, class, ret)                                                                 \
    EXPORT ret door_##name(void) __asm__(#name);                                                   \
    ret door_##name(void)                                                                          \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, 0, op_##name(), ((ret(*)(void))REAL(name))())           \
    }
#define CALL1(f, name, class, ret, a, a_)                                                          \
    EXPORT ret door_##name(a a_) __asm__(#name);                                                   \
    ret door_##name(a a_)                                                                          \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_), ((ret(*)(a))REAL(name))(a_))         \
    }
#define CALL2(f, name, class, ret, a, a_, b, b_)                                                   \
    EXPORT ret door_##name(a a_, b b_) __asm__(#name);                                             \
    ret door_##name(a a_, b b_)                                                                    \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_, b_),                                  \
                  ((ret(*)(a, b))REAL(name))(a_, b_))                                              \
    }
#define CALL3(f, name, class, ret, a, a_, b, b_, c, c_)                                            \
    EXPORT ret door_##name(a a_, b b_, c c_) __asm__(#name);                                       \
    ret door_##name(a a_, b b_, c c_)                                                              \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_, b_, c_),                              \
                  ((ret(*)(a, b, c))REAL(name))(a_, b_, c_))                                       \
    }
#define CALL4(f, name, class, ret, a, a_, b, b_, c, c_, d, d_)                                     \
    EXPORT ret door_##name(a a_, b b_, c c_, d d_) __asm__(#name);                                 \
    ret door_##name(a a_, b b_, c c_, d d_)                                                        \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_, b_, c_, d_),                          \
                  ((ret(*)(a, b, c, d))REAL(name))(a_, b_, c_, d_))                                \
    }
#define CALL5(f, name, class, ret, a, a_, b, b_, c, c_, d, d_, e, e_)                              \
    EXPORT ret door_##name(a a_, b b_, c c_, d d_, e e_) __asm__(#name);                           \
    ret door_##name(a a_, b b_, c c_, d d_, e e_)                                                  \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_, b_, c_, d_, e_),                      \
                  ((ret(*)(a, b, c, d, e))REAL(name))(a_, b_, c_, d_, e_))                         \
    }
#define CALL6(f, name, class, ret, a, a_, b, b_, c, c_, d, d_, e, e_, g, g_)                       \
    EXPORT ret door_##name(a a_, b b_, c c_, d d_, e e_, g g_) __asm__(#name);                     \
    ret door_##name(a a_, b b_, c c_, d d_, e e_, g g_)                                            \
    {                                                                                              \
        DOOR_BODY(class, ret, __NR_##name, a_, op_##name(a_, b_, c_, d_, e_, g_),                  \
                  ((ret(*)(a, b, c, d, e, g))REAL(name))(a_, b_, c_, d_, e_, g_))                  \
    }
#include "interpose/table.def"
#include "interpose/table_end.h"
