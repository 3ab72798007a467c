/* getaddrinfo_a resolves in threads that libc makes by itself. */
#include "test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>

#define REQUESTS 6

int main(void)
{
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct gaicb requests[REQUESTS];
    struct gaicb *list[REQUESTS];
    char names[REQUESTS][32];
    memset(requests, 0, sizeof(requests));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < REQUESTS; i++) {
            snprintf(names[i], sizeof(names[i]), i ? "127.0.0.%d" : "localhost", i + 1);
            requests[i].ar_name = names[i];
            requests[i].ar_request = &hints;
            requests[i].ar_result = NULL;
            list[i] = &requests[i];
        }
        struct sigevent none = { .sigev_notify = SIGEV_NONE };
        CHECK_EQ(getaddrinfo_a(round ? GAI_NOWAIT : GAI_WAIT, list, REQUESTS, &none), 0);
        for (int i = 0; i < REQUESTS; i++) {
            const struct gaicb *one[1] = { list[i] };
            while (gai_error(list[i]) == EAI_INPROGRESS)
                gai_suspend(one, 1, NULL);
            CHECK_EQ(gai_error(list[i]), 0);
            struct sockaddr_in *address = (struct sockaddr_in *)requests[i].ar_result->ai_addr;
            CHECK_EQ(ntohl(address->sin_addr.s_addr) >> 24, 127);
            freeaddrinfo(requests[i].ar_result);
        }
        printf("round %d: resolved %d\n", round, REQUESTS);
    }
    return 0;
}
