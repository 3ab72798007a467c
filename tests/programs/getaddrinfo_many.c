/* Names and numbers are resolved in many threads at once. */
#include "test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#define THREADS 16

static void *resolves(void *arg)
{
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *list;
    char text[64], host[64];
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(getaddrinfo("localhost", "80", &hints, &list), 0);
        for (struct addrinfo *at = list; at; at = at->ai_next) {
            struct sockaddr_in *address = (struct sockaddr_in *)at->ai_addr;
            CHECK(inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)));
            CHECK(strncmp(text, "127.", 4) == 0);
            CHECK_EQ(ntohs(address->sin_port), 80);
        }
        freeaddrinfo(list);
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
        CHECK_EQ(getaddrinfo("127.0.0.7", "8080", &hints, &list), 0);
        CHECK_EQ(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), NULL, 0,
                             NI_NUMERICHOST),
                 0);
        CHECK(strcmp(host, "127.0.0.7") == 0);
        freeaddrinfo(list);
        CHECK_EQ(getaddrinfo("localhost", NULL, &hints, &list), EAI_NONAME);
        hints.ai_flags = 0;
    }
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(resolves, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("resolved, all");
    return 0;
}
