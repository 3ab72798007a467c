"""Reads a trace as strictly as it should have been written."""

import collections
import json


class Trace:
    """Fails, by AssertionError, where a viewer would have to guess: slices that don't nest or end, arrows
    with one end, threads without a name, time that goes back."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        self.other = document["otherData"]
        self.events = document["traceEvents"]
        self.names, self.slices, self.marks, self.calls = {}, [], [], []
        self.arrows, self.asynchronous = [], []
        self.process = None
        self._open = collections.defaultdict(list)
        self._flows, self._async, self._now = {}, {}, 0.0
        self._pids = {event["pid"] for event in self.events}
        assert len(self._pids) == 1, self._pids
        for event in self.events:
            getattr(self, "_event_" + event["ph"])(event)
        assert not any(self._open.values()), self._open
        assert not self._flows, self._flows
        assert not self._async, self._async

    def _event_M(self, event):
        assert self._now == 0.0 and not self.slices, "names come first"
        if event["name"] == "process_name":
            self.process = event["args"]["name"]
        elif event["name"] == "thread_name":
            assert event["tid"] not in self.names, event
            self.names[event["tid"]] = event["args"]["name"]

    def _check(self, event):
        assert event["ts"] >= self._now, (event, self._now)
        assert event["tid"] in self.names, event
        self._now = event["ts"]
        return self._open[event["tid"]]

    def _event_B(self, event):
        stack = self._check(event)
        assert event["cat"] in ("running", "runnable", "parked") and not stack, (event, stack)
        stack.append(event)

    def _event_E(self, event):
        slice = self._check(event).pop()
        assert event["name"] == slice["name"], (event, slice)
        slice = {**slice, "end": event["ts"], "args": {**slice.get("args", {}), **event.get("args", {})}}
        self.slices.append(slice)

    def _event_i(self, event):
        self._check(event)
        (self.calls if event.get("cat") == "call" else self.marks).append(event)

    def _event_s(self, event):
        assert self._check(event), ("an arrow from no slice", event)
        assert event["id"] not in self._flows, event
        self._flows[event["id"]] = event

    def _event_f(self, event):
        assert self._check(event), ("an arrow to no slice", event)
        start = self._flows.pop(event["id"])
        assert event["bp"] == "e" and (start["cat"], start["name"]) == (event["cat"], event["name"])
        self.arrows.append((event["name"], start["tid"], event["tid"]))

    def _event_b(self, event):
        self._check(event)
        assert event["id"] not in self._async, event
        self._async[event["id"]] = event

    def _event_e(self, event):
        self._check(event)
        self.asynchronous.append(self._async.pop(event["id"]))

    def of(self, category, name=None):
        return [slice for slice in self.slices
                if slice["cat"] == category and (name is None or slice["name"] == name)]

    def called(self, thread, name):
        """What every such call of the thread's came to."""
        return [call["args"] for call in self.calls if (call["tid"], call["name"]) == (thread, name)]

    def marked(self, name):
        return [mark for mark in self.marks if mark["name"] == name]

    def thread(self, name):
        """The id of the one thread of that name."""
        ids = [tid for tid, known in self.names.items() if known == name]
        assert len(ids) == 1, (name, ids)
        return ids[0]
