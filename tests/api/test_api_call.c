/* Functions with any arguments and results. */
#include "api.h"

struct small {
    int i;
    long l;
};

struct large {
    double d[4];
    char c;
    struct small inner;
};

static int64_t integers(int8_t b, uint8_t B, short h, unsigned short H, int i, unsigned I,
                        int64_t q, uint64_t Q)
{
    return b + B * 2 + h * 3 + H * 4 + i * 5LL + I * 6LL + q * 7 + (int64_t)Q * 8;
}

static double mixed(float f, int i, double d, const char *p)
{
    return (double)f * 2 + i + d + (double)strlen(p);
}

static double many(double a, double b, double c, double d, double e, double f, double g, double h,
                   double i, double j, long k, long l, long m, long n, long o, long p, long q)
{
    return a + b + c + d + e + f + g + h + i * 10 + j * 100 +
           (double)(k + l + m + n + o + p * 10 + q * 100);
}

static struct large by_value(struct small small, struct large large)
{
    large.d[3] += (double)small.i;
    large.inner.l = small.l;
    large.c++;
    return large;
}

static int8_t negative(void)
{
    return -5;
}

static float half(float f)
{
    return f / 2;
}

static void nothing(void)
{
}

START_TEST(integers_of_all_widths_arrive)
{
    int64_t result = 0;
    coro_id id = coro_spawn(NULL, integers, "q(bBhHiIqQ)", -3, 200, -1000, 60000, -100000,
                            4000000000U, -(INT64_C(1) << 40), UINT64_C(1) << 41);
    must(id);
    must(coro_join(id, CORO_FOREVER, &result) == 0);
    must(result == integers(-3, 200, -1000, 60000, -100000, 4000000000U, -(INT64_C(1) << 40),
                            UINT64_C(1) << 41));
}
END_TEST

START_TEST(floats_and_pointers_arrive)
{
    double result = 0;
    coro_id id = coro_spawn("mixed", mixed, "d( f, i, d, p )", 1.5, 7, 0.25, "four");
    must(coro_join(id, CORO_FOREVER, &result) == 0);
    ck_assert_double_eq(result, 14.25);
    id = coro_spawn("many", many, "d(dddddddddd lllllll)", 1., 2., 3., 4., 5., 6., 7., 8., 9., 10.,
                    1L, 2L, 3L, 4L, 5L, 6L, 7L);
    must(coro_join(id, CORO_FOREVER, &result) == 0);
    ck_assert_double_eq(result, many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7));
}
END_TEST

START_TEST(structs_are_passed_and_returned_by_value)
{
    struct small small = { 4, 1L << 40 };
    struct large large = { { 1, 2, 3, 4 }, 'x', { 1, 2 } }, result;
    coro_id id = coro_spawn("by_value", by_value, "{ddddb{il}}({il}, {ddddb{il}})", &small, &large);
    must(id);
    small.i = large.c = 0; /* they were copied */
    must(coro_join(id, CORO_FOREVER, &result) == 0);
    ck_assert_double_eq(result.d[3], 8);
    must(result.c == 'y' && result.inner.l == 1L << 40 && result.inner.i == 1);
}
END_TEST

START_TEST(small_results_have_their_own_size)
{
    struct {
        int8_t value, after;
    } byte = { 0, 77 };
    float f = 0;
    struct coro_outcome outcome;
    must(coro_join(coro_spawn("negative", negative, "b()"), CORO_FOREVER, &byte) == 0);
    must(byte.value == -5 && byte.after == 77);
    must(coro_join(coro_spawn("half", half, "f(f)", 3.0), CORO_FOREVER, &f) == 0);
    ck_assert_float_eq(f, 1.5F);
    must(coro_join_outcome(coro_spawn("negative", negative, "b()"), CORO_FOREVER, &outcome) == 0);
    must(outcome.error == 0 && outcome.value.i == -5);
    must(coro_join_outcome(coro_spawn("half", half, "f(f)", 3.0), CORO_FOREVER, &outcome) == 0);
    ck_assert_double_eq(outcome.value.d, 1.5);
    must(coro_join(coro_spawn("nothing", nothing, "v()"), CORO_FOREVER, &byte) == 0);
}
END_TEST

START_TEST(a_bad_signature_is_einval)
{
    static const char *const bad[] = {
        "",
        "v",
        "v(",
        "v)",
        "(i)",
        "v(i",
        "v(v)",
        "v(x)",
        "x()",
        "v(i))",
        "v({})",
        "v({i)",
        "v(i})",
        "v({v})",
        "v({{{{{{{{{i}}}}}}}}})",
        "{}()",
        "v(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii)",
        "vi()",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        errno = 0;
        ck_assert_msg(coro_new("bad", nothing, bad[i], 0, 0) == 0, "%s", bad[i]);
        ck_assert_msg(errno == EINVAL, "%s: errno %d", bad[i], errno);
    }
    errno = 0;
    must((coro_new)("null", NULL, "v()") == 0 && errno == EINVAL);
    must((coro_new)("null", (coro_fn)nothing, NULL) == 0 && errno == EINVAL);
}
END_TEST

START_TEST(nesting_to_the_limit_works)
{
    int result = 0, value = 42;
    coro_id id = coro_spawn("abs", abs, "i({{{{{{{{i}}}}}}}})", &value);
    must(id && coro_join(id, CORO_FOREVER, &result) == 0);
    must(result == 42);
}
END_TEST

int main(void)
{
    RUN_TESTS("call", integers_of_all_widths_arrive, floats_and_pointers_arrive,
              structs_are_passed_and_returned_by_value, small_results_have_their_own_size,
              a_bad_signature_is_einval, nesting_to_the_limit_works);
}
