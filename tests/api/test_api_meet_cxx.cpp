// Channels, queues and mailboxes from C++: exceptions and destructors.
#include <coro.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

extern "C" {
#include "suite.h"
}

namespace
{

struct free_channel {
    void operator()(coro_channel *channel) const
    {
        coro_channel_free(channel);
    }
};
using channel_ptr = std::unique_ptr<coro_channel, free_channel>;

START_TEST(strings_go_through_a_channel)
{
    channel_ptr channel(coro_channel_new(sizeof(std::string *)));
    std::thread sender([&] {
        for (int i = 0; i < 100; i++) {
            auto *text = new std::string("number " + std::to_string(i));
            must(coro_channel_send(channel.get(), &text, CORO_FOREVER) == 0);
        }
    });
    for (int i = 0; i < 100; i++) {
        std::string *text;
        must(coro_channel_receive(channel.get(), &text, CORO_FOREVER) == 0);
        must(*text == "number " + std::to_string(i));
        delete text;
    }
    sender.join();
}
END_TEST

int throws(const coro_message *message, void *)
{
    if (message->type == 2)
        throw std::runtime_error("not that one");
    return message->type == 3;
}

START_TEST(what_a_match_throws_arrives_and_nothing_is_lost)
{
    coro_message got = {};
    for (long type = 1; type <= 3; type++) {
        coro_message message = {};
        message.type = type;
        must(coro_mailbox_send(coro_current(), &message, 0) == 0);
    }
    bool caught = false;
    try {
        coro_mailbox_receive_match(throws, nullptr, &got, 0);
    } catch (const std::runtime_error &) {
        caught = true;
    }
    must(caught && coro_mailbox_length(0) == 3);
    must(coro_mailbox_receive_type(2, &got, 0) == 0);
    must(coro_mailbox_receive_match(throws, nullptr, &got, 0) == 0 && got.type == 3);
    must(coro_mailbox_receive(&got, 0) == 0 && got.type == 1);
}
END_TEST

int destroyed;

struct counts_its_end {
    ~counts_its_end()
    {
        destroyed++;
    }
};

coro_fifo *fifo;

void wait_for_ever()
{
    counts_its_end guard;
    int value;
    coro_fifo_pop(fifo, &value, CORO_FOREVER);
}

START_TEST(a_limit_runs_destructors_on_its_way_out_of_a_wait)
{
    fifo = coro_fifo_new(sizeof(int), 0);
    std::thread([] {}).join();
    must(coro_with_timeout(0.02, nullptr, wait_for_ever, "v()") == -1 && errno == ETIMEDOUT);
    must(destroyed == 1);
    must(coro_fifo_free(fifo) == 0);
}
END_TEST

} // namespace

int main()
{
    RUN_TESTS("meet_cxx", strings_go_through_a_channel,
              what_a_match_throws_arrives_and_nothing_is_lost,
              a_limit_runs_destructors_on_its_way_out_of_a_wait);
}
