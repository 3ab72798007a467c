/* The control socket's requests about time: a trace of events, and latencies. */
#include <linux/errno.h>

#include "runtime/latency.h"
#include "runtime/trace.h"
#include "shim/control_internal.h"

static void tell_time(struct trace_reply *answer)
{
    answer->now = trace_now();
    answer->now_ns = control_now_ns();
}

static void start(struct control_client *client, struct trace_reply *answer)
{
    int fd = trace_start();

    if (fd == -EBUSY)
        control_refuse(client, PROTOCOL_FAILED, FRAME_TRACE, "another trace is on");
    else if (fd < 0)
        control_refuse(client, PROTOCOL_FAILED, FRAME_TRACE, "no memory for the events");
    if (fd < 0)
        return;
    client->traces = true;
    client->passed_fd = fd;
    answer->written = trace_written();
    tell_time(answer);
}

static void read_events(struct control_client *client, uint64_t taken, struct trace_reply *answer)
{
    struct frame_header *header = (struct frame_header *)client->out;
    struct trace_progress progress;
    uint32_t bytes;

    tell_time(answer);
    progress = trace_read(taken, (struct trace_event *)(answer + 1));
    bytes = progress.count * (uint32_t)sizeof(struct trace_event);
    answer->count = progress.count;
    answer->written = progress.written;
    header->flags = progress.more ? FRAME_MORE : 0;
    header->length += bytes;
    client->out_used += bytes;
}

void control_answer_trace(struct control_client *client, const void *body)
{
    const struct trace_request *trace = body;
    struct trace_reply *answer =
        control_reply(client, FRAME_TRACE | FRAME_REPLY, 0, sizeof(*answer));

    answer->event_bytes = sizeof(struct trace_event);
    answer->ring_events = TRACE_EVENTS;
    if (trace->operation == TRACE_START)
        start(client, answer);
    else if (!client->traces)
        control_refuse(client, PROTOCOL_FAILED, FRAME_TRACE, "this client has started no trace");
    else if (trace->operation == TRACE_READ)
        read_events(client, trace->taken, answer);
    else if (trace->operation == TRACE_STOP)
        trace_stop();
    else
        control_refuse(client, PROTOCOL_MALFORMED, FRAME_TRACE, "unknown operation");
}

void control_forget_trace(struct control_client *client)
{
    if (client->traces)
        trace_stop();
    client->traces = false;
}

void control_answer_latency(struct control_client *client, const void *body)
{
    const struct latency_request *latency = body;

    latency_read(
        control_reply(client, FRAME_LATENCY | FRAME_REPLY, 0, sizeof(struct latency_info)));
    if (latency->restart)
        latency_restart();
}
