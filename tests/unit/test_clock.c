/* Time below the gate: against libc's clocks, with the vDSO and without, and saturation. */
#include "runtime/clock.h"

#include <sys/auxv.h>
#include <time.h>

#include "tests/unit/suite.h"

static struct clock with_vdso, without;

static void set_up(void)
{
    clock_init(&with_vdso, getauxval(AT_SYSINFO_EHDR));
    clock_init(&without, 0);
}

static uint64_t libc_now(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void agrees(const struct clock *clock, int id)
{
    uint64_t before = libc_now(id), ours = clock_read(clock, id), after = libc_now(id);
    ck_assert_uint_le(before, ours);
    ck_assert_uint_le(ours, after);
}

START_TEST(the_vdso_is_found)
{
    set_up();
    ck_assert_ptr_nonnull((void *)with_vdso.gettime);
    ck_assert_ptr_null((void *)without.gettime);
}
END_TEST

START_TEST(clocks_agree_with_libc)
{
    static const int ids[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI,
                               CLOCK_PROCESS_CPUTIME_ID };
    set_up();
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        agrees(&with_vdso, ids[i]);
        agrees(&without, ids[i]);
    }
    uint64_t now = clock_now(&with_vdso);
    ck_assert_uint_le(libc_now(CLOCK_MONOTONIC) - now, NSEC_PER_SEC);
}
END_TEST

START_TEST(an_unknown_clock_reads_zero)
{
    set_up();
    ck_assert_uint_eq(clock_read(&with_vdso, 12345), 0);
    ck_assert_uint_eq(clock_read(&without, 12345), 0);
}
END_TEST

START_TEST(a_realtime_deadline_becomes_a_monotonic_one)
{
    set_up();
    uint64_t before = clock_now(&with_vdso);
    uint64_t at = clock_read(&with_vdso, CLOCK_REALTIME) + NSEC_PER_SEC;
    uint64_t deadline = clock_to_deadline(&with_vdso, CLOCK_REALTIME, at);
    uint64_t after = clock_now(&with_vdso);
    ck_assert_uint_ge(deadline, before + NSEC_PER_SEC - NSEC_PER_MSEC);
    ck_assert_uint_le(deadline, after + NSEC_PER_SEC + NSEC_PER_MSEC);
}
END_TEST

START_TEST(a_past_time_gives_a_deadline_that_has_passed)
{
    set_up();
    ck_assert_uint_le(clock_to_deadline(&with_vdso, CLOCK_REALTIME, 5), clock_now(&with_vdso));
    ck_assert_uint_eq(clock_to_deadline(&with_vdso, CLOCK_MONOTONIC, 5), 5);
}
END_TEST

START_TEST(never_stays_never)
{
    set_up();
    ck_assert(clock_to_deadline(&with_vdso, CLOCK_REALTIME, DEADLINE_NEVER) == DEADLINE_NEVER);
    ck_assert(deadline_after(5, DEADLINE_NEVER) == DEADLINE_NEVER);
    ck_assert(deadline_after(DEADLINE_NEVER - 1, 2) == DEADLINE_NEVER);
    ck_assert_uint_eq(deadline_after(5, 6), 11);
    ck_assert(clock_to_deadline(&with_vdso, CLOCK_REALTIME, DEADLINE_NEVER - 1) >
              clock_now(&with_vdso) + NSEC_PER_SEC);
}
END_TEST

START_TEST(only_normalised_times_are_valid)
{
    struct __kernel_timespec time = { 0, 0 };
    ck_assert(timespec_valid(&time));
    time.tv_nsec = 999999999;
    ck_assert(timespec_valid(&time));
    time.tv_nsec = 1000000000;
    ck_assert(!timespec_valid(&time));
    time.tv_nsec = -1;
    ck_assert(!timespec_valid(&time));
    time = (struct __kernel_timespec){ -1, 0 };
    ck_assert(!timespec_valid(&time));
}
END_TEST

START_TEST(times_convert_and_saturate)
{
    struct __kernel_timespec time = { 3, 7 };
    ck_assert_uint_eq(timespec_ns(&time), 3000000007u);
    time.tv_sec = INT64_MAX;
    ck_assert(timespec_ns(&time) == DEADLINE_NEVER);
    time = ns_timespec(12345678901u);
    ck_assert_int_eq(time.tv_sec, 12);
    ck_assert_int_eq(time.tv_nsec, 345678901);
}
END_TEST

int main(void)
{
    RUN_TESTS("clock", the_vdso_is_found, clocks_agree_with_libc, an_unknown_clock_reads_zero,
              a_realtime_deadline_becomes_a_monotonic_one,
              a_past_time_gives_a_deadline_that_has_passed, never_stays_never,
              only_normalised_times_are_valid, times_convert_and_saturate);
}
