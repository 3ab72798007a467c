/* echo_threads: a server with one blocking thread per connection, as a textbook would write it.
 *
 * Prints its port and serves until a signal ends it.
 */
#include "bench.h"
#include "echo.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char buffer[ECHO_BUFFER_BYTES];
    ssize_t got;

    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (ssize_t sent = 0; sent < got;) {
            ssize_t part = send(fd, buffer + sent, (size_t)(got - sent), MSG_NOSIGNAL);
            if (part < 0)
                goto closed;
            sent += part;
        }
    }
closed:
    close(fd);
    return NULL;
}

int main(void)
{
    bench_limit(ECHO_LIMIT_S);
    bench_raise_file_limit();
    int listener = echo_listen();
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            bench_fail("accept: %s", strerror(errno));
        echo_no_delay(fd);
        pthread_detach(bench_thread(serve, (void *)(intptr_t)fd));
    }
}
