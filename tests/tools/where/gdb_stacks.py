"""Run by gdb, attached to a process: prints the stack of every thread as one line of JSON, each frame as
the names of its function and object."""
import json

import gdb

with open(f"/proc/{gdb.selected_inferior().pid}/maps", encoding="utf-8") as maps:
    MAPPED = [line.split(None, 5) for line in maps]


def object_of(pc):
    for words in MAPPED:
        start, end = (int(word, 16) for word in words[0].split("-"))
        if start <= pc < end:
            return words[5].strip().rpartition("/")[2] if len(words) > 5 else ""
    return ""


def frames(frame):
    found = []
    while frame is not None:
        if frame.type() == gdb.TAILCALL_FRAME:  # it left no frame: gdb infers that it was there
            frame = frame.older()
            continue
        name = "<signal handler called>" if frame.type() == gdb.SIGTRAMP_FRAME else frame.name()
        found.append([name, object_of(frame.pc())])
        frame = frame.older()
    return found


stacks = []
for thread in gdb.selected_inferior().threads():
    thread.switch()
    stacks.append(frames(gdb.newest_frame()))
print("\nSTACKS " + json.dumps(stacks))
