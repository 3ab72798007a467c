/* A crawler: fetches the pages of a site level by level, so many at a time, and no more than so many a
 * second. The site is a thread of this program. */
#include <coro.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAGES = 31, AT_A_TIME = 4, LINKS_MAX = 2, TEXT_BYTES = 256 };

static const double PER_SECOND = 500, PAGE_SECONDS = 10;

static struct sockaddr_in site;
static struct coro_fifo *permits; /* each fetch takes one; the rate puts them there */

struct page {
    int status;
    int count;
    int links[LINKS_MAX];
};

/* ---- the site: page n links to pages 2n and 2n + 1; page 13 is missing ---- */

static void answer(int fd)
{
    char text[TEXT_BYTES];
    int number = 0, length;
    ssize_t got = read(fd, text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "GET /%d", &number) != 1 || number == 13)
        length = snprintf(text, sizeof(text), "HTTP/1.0 404 Not Found\r\n\r\n");
    else
        length = snprintf(text, sizeof(text), "HTTP/1.0 200 OK\r\n\r\n<a href=/%d> <a href=/%d>",
                          2 * number, 2 * number + 1);
    if (write(fd, text, (size_t)length) != length)
        coro_print_stderr("page %d was not sent", number);
    close(fd);
}

static void serve(int listener)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        coro_detach(coro_spawn("page", answer, "v(i)", fd));
}

static coro_id start_site(void)
{
    socklen_t length = sizeof(site);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    site = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (fd < 0 || bind(fd, (struct sockaddr *)&site, length) || listen(fd, PAGES) ||
        getsockname(fd, (struct sockaddr *)&site, &length))
        exit(1);
    return coro_spawn("site", serve, "v(i)", fd);
}

/* ---- the crawler ---- */

static void find_links(const char *text, struct page *page)
{
    while (page->count < LINKS_MAX && (text = strstr(text, "href=/")) != NULL) {
        text += strlen("href=/");
        page->links[page->count++] = atoi(text);
    }
}

static void get(int number, struct page *page)
{
    char text[TEXT_BYTES];
    size_t length = 0;
    ssize_t got;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&site, sizeof(site)) ||
        dprintf(fd, "GET /%d\r\n\r\n", number) < 0)
        coro_fail(errno);
    while ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(fd);
    sscanf(text, "HTTP/1.0 %d", &page->status);
    find_links(text, page);
}

/* One fetch, in a thread of its own. */
static void fetch(int number, struct page *page)
{
    char permit;
    coro_fifo_pop(permits, &permit, CORO_FOREVER);
    if (coro_with_timeout(PAGE_SECONDS, NULL, get, "v(i,p)", number, page))
        coro_fail(errno);
}

static void permit(void)
{
    coro_fifo_push(permits, "", 0); /* nobody saves up more than there is room for */
}

/* All pages of one level. Returns how many there are in the next, whose numbers are then in @numbers. */
static int crawl_level(int *numbers, int count, int *found, int *missing)
{
    struct page pages[PAGES] = { { 0 } };
    struct coro_call *calls[PAGES];
    struct coro_outcome outcomes[PAGES];
    int next = 0;
    for (int i = 0; i < count; i++)
        calls[i] = coro_bind((coro_fn)fetch, "v(i,p)", numbers[i], &pages[i]);
    if (coro_in_parallel(calls, (size_t)count, AT_A_TIME, outcomes))
        coro_print_stderr("some pages could not be fetched");
    for (int i = 0; i < count; i++) {
        *found += pages[i].status == 200;
        *missing += pages[i].status == 404;
        for (int link = 0; link < pages[i].count; link++) {
            if (pages[i].links[link] <= PAGES)
                numbers[next++] = pages[i].links[link];
        }
        coro_call_free(calls[i]);
    }
    return next;
}

int main(void)
{
    int numbers[2 * PAGES] = { 1 }, found = 0, missing = 0, levels = 0;
    permits = coro_fifo_new(1, AT_A_TIME);
    coro_id server = start_site();
    struct coro_task *rate = coro_rate(PER_SECOND, permit, "v()");
    for (int count = 1; count; levels++)
        count = crawl_level(numbers, count, &found, &missing);
    coro_task_stop(rate, 0);
    coro_shutdown(server);
    printf("%d pages found, %d missing, %d levels\n", found, missing, levels);
    return 0;
}
