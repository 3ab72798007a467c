/* See suite.h. */
#include "tests/unit/suite.h"

#define TEST_SECONDS 60

int suite_main(const char *name, const TTest *const tests[], size_t count, int loops)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, TEST_SECONDS);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(cases, tests[i], 0, loops);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
