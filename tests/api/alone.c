/* A program compiled with CORO_WEAK, run with the library nowhere. It is C11 without extensions but for
 * POSIX's declarations. */
#define _XOPEN_SOURCE 700
#include <coro.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define must(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);      \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static double mix(int i, double d, const char *p, float f, short h)
{
    return i + d + (double)strlen(p) + (double)f + h;
}

static float half(float f)
{
    return f / 2;
}

static short short_of(int i)
{
    return (short)i;
}

static void forever(void)
{
    for (;;)
        ;
}

static int inner;

static int nested(double seconds)
{
    inner = coro_with_timeout(seconds, NULL, forever, "v()");
    return 4;
}

static void test_timeouts(void)
{
    double d = 0;
    float f = 0;
    int i = 0;
    short s[2] = { 0, 7 };
    must(coro_with_timeout(5, &d, mix, "d(idpfh)", 1, 2.5, "abc", 0.5, -1) == 0 && d == 6);
    must(coro_with_timeout(5, &f, half, "f(f)", 3.0) == 0 && f == 1.5F);
    must(coro_with_timeout(CORO_FOREVER, s, short_of, "h(i)", -2) == 0 && s[0] == -2 && s[1] == 7);
    for (int round = 0; round < 10; round++)
        must(coro_with_timeout(0.01, NULL, forever, "v()") == -1 && errno == ETIMEDOUT);
    must(coro_with_timeout(-1, NULL, forever, "v()") == -1 && errno == ETIMEDOUT);
    must(coro_with_timeout(10, &i, nested, "i(d)", 0.01) == 0 && i == 4 && inner == -1);
    inner = 9;
    must(coro_with_timeout(0.01, &i, nested, "i(d)", 10.0) == -1 && errno == ETIMEDOUT);
    must(inner == 9);
    must(coro_with_timeout(1, NULL, forever, "{ii}()") == -1 && errno == ENOSYS);
    must(coro_with_timeout(1, NULL, forever, "v(") == -1 && errno == EINVAL);
}

static void *print_number(void *number)
{
    coro_print_stderr("%s", (const char *)number);
    return NULL;
}

/* As sched.h says: time, thread, text. */
static void test_lines(void)
{
    char line[64], longer[3000];
    int ends[2], before = dup(2), number = 0, year = 0;
    pthread_t thread;
    must(pipe(ends) == 0 && dup2(ends[1], 2) == 2);
    errno = 77;
    coro_print_stderr("%s", "told by the fallback");
    must(pthread_create(&thread, NULL, print_number, "another") == 0);
    must(pthread_join(thread, NULL) == 0);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    coro_print_stderr("%s", longer);
    must(errno == 77);
    dup2(before, 2);
    close(ends[1]);
    FILE *lines = fdopen(ends[0], "r");
    must(lines && fgets(line, sizeof(line), lines));
    must(sscanf(line, "%4d-%*2d-%*2d %*2d:%*2d:%*2d.%*6d %d ", &year, &number) == 2);
    must(year > 2000 && number == 1 && strstr(line, " 1 told by the fallback\n"));
    must(fgets(line, sizeof(line), lines) && strstr(line, " 2 another\n"));
    must(fread(longer, 1, sizeof(longer), lines) == 1024 - 1 && longer[1022] == '\n');
    fclose(lines);
}

int main(void)
{
    char text[64];
    struct coro_info info = { .size = sizeof(info) };
    must(coro_is_running() == 0);
    coro_yield();
    must(coro_spawn("none", forever, "v()") == 0 && errno == ENOSYS);
    must(coro_join(1, 0, NULL) == -1 && errno == ENOSYS);
    must(coro_by_id(1, &info) == -1 && errno == ENOSYS);
    must(coro_bind(forever, "v()") == NULL && errno == ENOSYS);
    must(coro_channel_new(8) == NULL && errno == ENOSYS);
    must(coro_current() == 0);
    must(coro_where(1, text, sizeof(text)) > 10 && strstr(text, "not running"));
    test_lines();
    test_timeouts();
    puts("ok");
    return 0;
}
