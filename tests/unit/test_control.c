/* The control server against a client that knows the protocol, and against clients that do not:
 * what each request answers, garbage, partial frames, slow and vanishing clients, too many. */
#include "runtime/runtime.h"
#include "tests/unit/control_client.h"

static void expect_error(int fd, enum protocol_error code, uint16_t request)
{
    struct error_reply *error;
    char body[FRAME_REPLY_MAX];

    ck_assert_uint_eq(get_frame(fd, body).type, FRAME_ERROR);
    error = (struct error_reply *)body;
    ck_assert_uint_eq(error->code, code);
    ck_assert_uint_eq(error->request, request);
    ck_assert_uint_gt(strlen(error->text), 0);
}

/* The server hung up: end of file, or a reset when it had not read everything. */
static void expect_hang_up(int fd)
{
    char byte;
    ssize_t length = recv(fd, &byte, 1, 0);

    ck_assert_msg(length == 0 || (length < 0 && errno == ECONNRESET), "%zd %d", length, errno);
}

static uint64_t list_all(int fd)
{
    static _Alignas(8) char body[FRAME_REPLY_MAX];
    struct list_request request = { 0 };
    struct frame_header header;
    uint64_t total = 0;

    do {
        const struct list_reply *answer = (void *)body;
        const struct co_info *records = (void *)(body + sizeof(*answer));

        put_frame(fd, FRAME_LIST, &request, sizeof(request));
        header = get_frame(fd, body);
        ck_assert_uint_eq(header.type, FRAME_LIST | FRAME_REPLY);
        ck_assert_uint_eq(answer->record_bytes, sizeof(struct co_info));
        ck_assert_uint_eq(header.length, sizeof(*answer) + answer->count * sizeof(struct co_info));
        for (uint32_t i = 0; i < answer->count; i++)
            if (records[i].id != 2 * total++ + 1)
                ck_abort_msg("id %lu is out of place", records[i].id);
        if (answer->count > 0)
            request.after_id = records[answer->count - 1].id;
    } while (header.flags & FRAME_MORE);
    return total;
}

START_TEST(stacks_come_with_their_memory)
{
    struct stacks_request request = { .max_stack_bytes = 100 };
    _Alignas(8) char body[FRAME_REPLY_MAX];
    const struct stacks_reply *answer = (void *)body;
    const struct co_stack_info *info = (void *)(answer + 1);
    struct frame_header header;
    int fd;

    start();
    fd = dial();
    greet(fd);
    put_frame(fd, FRAME_STACKS, &request, sizeof(request));
    header = get_frame(fd, body);
    ck_assert_uint_eq(header.type, FRAME_STACKS | FRAME_REPLY);
    ck_assert_uint_eq(header.flags, FRAME_MORE);
    ck_assert_uint_eq(header.length, sizeof(*answer) + sizeof(*info) + 8);
    ck_assert_uint_eq(answer->count, 1);
    ck_assert_uint_eq(answer->info_bytes, sizeof(*info));
    ck_assert_uint_ne(answer->own_start, 0);
    ck_assert_uint_gt(answer->own_end, answer->own_start);
    ck_assert_uint_eq(info->id, 7);
    ck_assert_int_eq(memcmp(info + 1, "abcd", 4), 0);
    close(fd);
    stop();
}
END_TEST

START_TEST(memory_is_given_in_pieces_of_a_bounded_size)
{
    struct memory_request request = { .address = 'm', .bytes = UINT64_MAX };
    static char body[FRAME_REPLY_MAX];
    struct frame_header header;
    int fd;

    start();
    fd = dial();
    greet(fd);
    put_frame(fd, FRAME_MEMORY, &request, sizeof(request));
    header = get_frame(fd, body);
    ck_assert_uint_eq(header.type, FRAME_MEMORY | FRAME_REPLY);
    ck_assert_uint_eq(header.length, MEMORY_MAX);
    ck_assert_int_eq(body[MEMORY_MAX - 1], 'm');
    close(fd);
    stop();
}
END_TEST

START_TEST(hello_says_who_is_there)
{
    struct hello_request hello = { PROTOCOL_MAGIC, PROTOCOL_VERSION };
    _Alignas(8) char body[FRAME_REPLY_MAX];
    const struct hello_reply *answer = (void *)body;
    int fd;

    start();
    fd = dial();
    put_frame(fd, FRAME_HELLO, &hello, sizeof(hello));
    ck_assert_uint_eq(get_frame(fd, body).length, sizeof(*answer));
    ck_assert_uint_eq(answer->magic, PROTOCOL_MAGIC);
    ck_assert_uint_eq(answer->version, PROTOCOL_VERSION);
    ck_assert_uint_eq(answer->pid, (uint32_t)getpid());
    ck_assert_uint_eq(answer->uid, geteuid());
    ck_assert_str_eq(answer->library, CORO_VERSION);
    ck_assert_str_eq(answer->program, "test_control");
    stop();
}
END_TEST

#define PAGE ((FRAME_REPLY_MAX - sizeof(struct list_reply)) / sizeof(struct co_info))

START_TEST(list_pages_through_all_threads)
{
    static const uint64_t counts[] = { 0, 1, 3, PAGE - 1, PAGE, PAGE + 1, 1000, 1000000 };
    int fd;

    start();
    fd = dial();
    greet(fd);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        thread_count = counts[i];
        ck_assert_uint_eq(list_all(fd), counts[i]);
    }
    stop();
}
END_TEST

START_TEST(a_page_may_be_smaller)
{
    struct list_request request = { .after_id = 3, .max_records = 2 };
    _Alignas(8) char body[FRAME_REPLY_MAX];
    const struct list_reply *answer = (void *)body;
    int fd;

    thread_count = 10;
    start();
    fd = dial();
    greet(fd);
    put_frame(fd, FRAME_LIST, &request, sizeof(request));
    ck_assert_uint_eq(get_frame(fd, body).flags, FRAME_MORE);
    ck_assert_uint_eq(answer->count, 2);
    ck_assert_uint_eq(((const struct co_info *)(answer + 1))->id, 5);
    stop();
}
END_TEST

START_TEST(nothing_is_told_before_hello)
{
    struct list_request request = { 0 };
    struct hello_request other = { PROTOCOL_MAGIC, PROTOCOL_VERSION + 1 }, alien = { 0, 1 };
    char body[FRAME_REPLY_MAX];
    int fd;

    start();
    fd = dial();
    put_frame(fd, FRAME_LIST, &request, sizeof(request));
    expect_error(fd, PROTOCOL_NOT_GREETED, FRAME_LIST);
    put_frame(fd, FRAME_HELLO, &other, sizeof(other));
    ck_assert_uint_eq(get_frame(fd, body).type, FRAME_HELLO | FRAME_REPLY);
    put_frame(fd, FRAME_LIST, &request, sizeof(request));
    expect_error(fd, PROTOCOL_NOT_GREETED, FRAME_LIST);
    put_frame(fd, FRAME_HELLO, &alien, sizeof(alien));
    get_frame(fd, body);
    put_frame(fd, FRAME_LIST, &request, sizeof(request));
    expect_error(fd, PROTOCOL_NOT_GREETED, FRAME_LIST);
    greet(fd);
    ck_assert_uint_eq(list_all(fd), 3);
    stop();
}
END_TEST

START_TEST(unknown_and_short_requests_are_errors_and_longer_ones_are_not)
{
    char long_body[FRAME_REQUEST_MAX] = { 0 };
    char body[FRAME_REPLY_MAX];
    int fd;

    start();
    fd = dial();
    greet(fd);
    put_frame(fd, 77, NULL, 0);
    expect_error(fd, PROTOCOL_UNKNOWN_REQUEST, 77);
    put_frame(fd, FRAME_ERROR, NULL, 0);
    expect_error(fd, PROTOCOL_UNKNOWN_REQUEST, FRAME_ERROR);
    put_frame(fd, FRAME_LIST, "1234567", 7);
    expect_error(fd, PROTOCOL_MALFORMED, FRAME_LIST);
    put_frame(fd, FRAME_LIST, long_body, sizeof(long_body));
    ck_assert_uint_eq(get_frame(fd, body).type, FRAME_LIST | FRAME_REPLY);
    ck_assert_uint_eq(list_all(fd), 3);
    stop();
}
END_TEST

START_TEST(oversized_frames_and_garbage_end_the_connection)
{
    struct frame_header oversized = { .length = FRAME_REQUEST_MAX + 1, .type = FRAME_LIST };
    unsigned seed = 1;
    int fd;

    start();
    fd = dial();
    greet(fd);
    put(fd, &oversized, sizeof(oversized));
    expect_hang_up(fd);
    fd = dial();
    put(fd, "GET / HTTP/1.0\r\n\r\n", 18);
    expect_hang_up(fd);
    for (int round = 0; round < 200; round++) {
        unsigned char noise[512];
        int noisy = dial();

        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (unsigned char)rand_r(&seed);
        if (round & 1)
            memset(noise, 0, 4); /* a plausible length */
        send(noisy, noise, sizeof(noise), MSG_NOSIGNAL);
        close(noisy);
    }
    wait_for_clients(0);
    fd = dial();
    greet(fd);
    ck_assert_uint_eq(list_all(fd), 3);
    stop();
}
END_TEST

START_TEST(requests_may_come_byte_by_byte_or_many_at_once)
{
    struct {
        struct frame_header header;
        struct hello_request body;
    } hello = { { sizeof(struct hello_request), FRAME_HELLO, 0 },
                { PROTOCOL_MAGIC, PROTOCOL_VERSION } };
    struct {
        struct frame_header header;
        struct list_request body;
    } lists[100];
    char body[FRAME_REPLY_MAX];
    int fd;

    thread_count = 100;
    start();
    fd = dial();
    for (size_t i = 0; i < sizeof(hello); i++) {
        put(fd, (char *)&hello + i, 1);
        usleep(500);
    }
    ck_assert_uint_eq(get_frame(fd, body).type, FRAME_HELLO | FRAME_REPLY);
    memset(lists, 0, sizeof(lists));
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        lists[i].header = (struct frame_header){ sizeof(lists[i].body), FRAME_LIST, 0 };
        lists[i].body.max_records = (uint32_t)i + 1;
    }
    put(fd, lists, sizeof(lists));
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        ck_assert_uint_eq(get_frame(fd, body).type, FRAME_LIST | FRAME_REPLY);
        ck_assert_uint_eq(((struct list_reply *)body)->count, i + 1);
    }
    stop();
}
END_TEST

START_TEST(a_client_that_does_not_read_stops_nobody)
{
    struct list_request request = { 0 };
    struct frame_header header = { sizeof(request), FRAME_LIST, 0 };
    int slow, quick;

    thread_count = 100000;
    start();
    slow = dial();
    greet(slow);
    fcntl(slow, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000; i++) {
        send(slow, &header, sizeof(header), MSG_NOSIGNAL);
        send(slow, &request, sizeof(request), MSG_NOSIGNAL);
    }
    quick = dial();
    greet(quick);
    ck_assert_uint_eq(list_all(quick), 100000);
    close(slow);
    wait_for_clients(1);
    ck_assert_uint_eq(list_all(quick), 100000);
    stop();
}
END_TEST

START_TEST(vanishing_clients_leave_nothing_behind)
{
    struct frame_header header = { sizeof(struct list_request), FRAME_LIST, 0 };
    int fd;

    thread_count = 100000;
    start();
    for (int i = 0; i < 300; i++) {
        struct list_request request = { 0 };

        fd = dial();
        if (i % 3 == 0) {
            put(fd, &header, 5);
        } else if (i % 3 == 1) {
            greet(fd);
            put_frame(fd, FRAME_LIST, &request, sizeof(request));
        }
        close(fd);
    }
    wait_for_clients(0);
    fd = dial();
    greet(fd);
    ck_assert_uint_eq(list_all(fd), 100000);
    stop();
}
END_TEST

START_TEST(one_client_too_many_is_turned_away)
{
    int fds[CONTROL_CLIENTS], extra;

    start();
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        fds[i] = dial();
        greet(fds[i]);
    }
    extra = dial();
    expect_hang_up(extra);
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        ck_assert_uint_eq(list_all(fds[i]), 3);
    close(fds[5]);
    wait_for_clients(CONTROL_CLIENTS - 1);
    extra = dial();
    greet(extra);
    stop();
}
END_TEST

START_TEST(a_newcomer_replaces_the_client_silent_longest)
{
    int fds[CONTROL_CLIENTS], extra;

    control_server.silent_ns = 50 * NSEC_PER_MSEC;
    start();
    for (int i = 0; i < CONTROL_CLIENTS; i++) {
        fds[i] = dial();
        greet(fds[i]);
    }
    usleep(100000);
    for (int i = 0; i < CONTROL_CLIENTS; i++)
        if (i != 7)
            ck_assert_uint_eq(list_all(fds[i]), 3);
    extra = dial();
    greet(extra);
    expect_hang_up(fds[7]);
    ck_assert_uint_eq(list_all(fds[8]), 3);
    stop();
}
END_TEST

static uint16_t ask_trace(int fd, uint32_t operation)
{
    struct trace_request request = { .operation = operation };
    char body[FRAME_REPLY_MAX];

    put_frame(fd, FRAME_TRACE, &request, sizeof(request));
    return get_frame(fd, body).type;
}

START_TEST(a_trace_ends_with_its_client)
{
    int first, second;

    start();
    first = dial();
    greet(first);
    ck_assert_uint_eq(ask_trace(first, TRACE_READ), FRAME_ERROR); /* not started */
    ck_assert_uint_eq(ask_trace(first, 99), FRAME_ERROR);
    ck_assert_uint_eq(ask_trace(first, TRACE_START), FRAME_TRACE | FRAME_REPLY);
    ck_assert_uint_eq(ask_trace(first, TRACE_READ), FRAME_TRACE | FRAME_REPLY);
    ck_assert(runtime.carrier.watch.trace);
    second = dial();
    greet(second);
    ck_assert_uint_eq(ask_trace(second, TRACE_START), FRAME_ERROR); /* one at a time */
    ck_assert_uint_eq(ask_trace(second, TRACE_STOP), FRAME_ERROR);
    ck_assert(runtime.carrier.watch.trace);
    close(first);
    while (__atomic_load_n(&runtime.carrier.watch.trace, __ATOMIC_RELAXED))
        usleep(1000);
    ck_assert_uint_eq(ask_trace(second, TRACE_START), FRAME_TRACE | FRAME_REPLY);
    ck_assert_uint_eq(ask_trace(second, TRACE_STOP), FRAME_TRACE | FRAME_REPLY);
    ck_assert_uint_eq(ask_trace(second, TRACE_READ), FRAME_TRACE | FRAME_REPLY);
    ck_assert(!runtime.carrier.watch.trace);
    close(second);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tests = tcase_create("control");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, hello_says_who_is_there);
    tcase_add_test(tests, stacks_come_with_their_memory);
    tcase_add_test(tests, memory_is_given_in_pieces_of_a_bounded_size);
    tcase_add_test(tests, list_pages_through_all_threads);
    tcase_add_test(tests, a_page_may_be_smaller);
    tcase_add_test(tests, nothing_is_told_before_hello);
    tcase_add_test(tests, unknown_and_short_requests_are_errors_and_longer_ones_are_not);
    tcase_add_test(tests, oversized_frames_and_garbage_end_the_connection);
    tcase_add_test(tests, requests_may_come_byte_by_byte_or_many_at_once);
    tcase_add_test(tests, a_client_that_does_not_read_stops_nobody);
    tcase_add_test(tests, vanishing_clients_leave_nothing_behind);
    tcase_add_test(tests, a_trace_ends_with_its_client);
    tcase_add_test(tests, one_client_too_many_is_turned_away);
    tcase_add_test(tests, a_newcomer_replaces_the_client_silent_longest);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
