"""gdb's view of a program under coroshim: its threads, which the kernel and so gdb know nothing of.

    info coroutines             every thread: id, tid, name, state, what it waits on, where it is
    coroutine ID                look at one: bt, up, frame, info locals show it from then on
    coroutine ID COMMAND        run one command so
    coroutine apply all COMMAND, coroutine apply ID... COMMAND
    coroutine none              back to gdb's own threads, as continuing does, too
    coroutine gcore [FILE]      a core file with all the stacks, which gcore leaves out

For live processes and core files. Nothing is called in the program and no register is written: an
unwinder makes the chosen thread's saved registers the caller of the kernel thread's innermost frame,
so a thread's frames count from 1. bt leaves that frame and coroshim's own functions out; bt
-no-filters doesn't.

gdb loads this file by itself, together with libcoroshim.so, from beside it or from its auto-load
folder, if `add-auto-load-safe-path FOLDER` allows that.
"""

import re
import struct

import gdb
import gdb.unwinder
from gdb.FrameDecorator import FrameDecorator

STATES = ("free", "new", "runnable", "running", "parked", "dead")
NEW, PARKED = 1, 4
# enum wait_kind of runtime/co_info.h, and what to say of each.
WAITS = (
    "-", "read fd {fd}", "write fd {fd}", "poll {count} descriptors", "futex {addr:#x}", "mutex {addr:#x}{holder}",
    "condition {addr:#x}", "join{holder}", "sleep", "child {pid}", "signal", "system call {nr} on a helper",
    "rwlock {addr:#x}", "semaphore {addr:#x}", "channel {addr:#x}", "queue {addr:#x}", "mailbox {addr:#x}",
    "event {addr:#x}", "user event {addr:#x}",
)
MODE_ACTIVE = 1
LAYOUT_HEAD = struct.Struct("<IIIIQ")  # struct co_layout of runtime/co_layout.h
LAYOUT_MAGIC = 0x4C4F4F43
NAME_BYTES = 40
SAVED = ("rbx", "rbp", "r12", "r13", "r14", "r15", "rip")


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def number(data):
    return int.from_bytes(data, "little")


class Runtime:
    """The runtime's structures, by the table that the object's note leads to."""

    def __init__(self):
        files = gdb.execute("info files", to_string=True)
        found = re.search(r"(0x[0-9a-f]+) - 0x[0-9a-f]+ is \.note\.coroshim", files)
        if not found:
            raise gdb.GdbError("coroshim is not in this program.")
        words = struct.unpack("<III", read(int(found.group(1), 16), 12))
        at = int(found.group(1), 16) + 12 + (words[0] + 3) // 4 * 4
        table = at + int.from_bytes(read(at, 8), "little", signed=True)
        magic, version, count, size, self.address = LAYOUT_HEAD.unpack(read(table, LAYOUT_HEAD.size))
        if magic != LAYOUT_MAGIC or version != 1:
            raise gdb.GdbError("This coroshim is of another release than the plug-in.")
        rows = read(table + LAYOUT_HEAD.size, count * size)
        self.fields = {}
        for start in range(0, len(rows), size):
            name = rows[start : start + NAME_BYTES].partition(b"\0")[0].decode()
            self.fields[name] = struct.unpack_from("<II", rows, start + NAME_BYTES)
        if self.value("runtime.mode") & 0xFFFFFFFF != MODE_ACTIVE:
            raise gdb.GdbError("The program runs natively, or has not started a thread yet.")

    def value(self, name):
        offset, size = self.fields[name]
        return number(read(self.address + offset, size))

    def listed(self, head, link, kind):
        """What is on a list of the runtime's, in the order of the ids."""
        link_offset = self.fields[link][0]
        head = self.address + self.fields[head][0]
        link = number(read(head, 8))
        last = 0
        while link != head:
            thread = kind(self, link - link_offset)
            if thread["id"] <= last:  # the list is being changed
                return
            last = thread["id"]
            yield thread
            link = number(read(link, 8))

    def coroutines(self):
        return self.listed("runtime.all", "co.all", Coroutine)

    def unstarted(self):
        """Threads that were made (coro_new) and not started; none where this release doesn't say."""
        if "runtime.unstarted" in self.fields:
            yield from self.listed("runtime.unstarted", "unstarted.link", Unstarted)

    def carrier(self):
        """The kernel thread that runs the program's threads, as gdb's thread, or None."""
        tid = self.value("runtime.carrier.kernel_tid")
        for thread in gdb.selected_inferior().threads():
            if thread.ptid[1] == tid:
                return thread
        return None


class Structure:
    """A copy of one; its fields are those of the table that begin with `kind`."""

    kind = ""

    def __init__(self, runtime, address):
        self.runtime = runtime
        self.address = address
        self.copy = read(address, runtime.fields[self.kind][1])

    def bytes_of(self, name):
        offset, size = self.runtime.fields[f"{self.kind}.{name}"]
        return self.copy[offset : offset + size]

    def __getitem__(self, name):
        return number(self.bytes_of(name))

    def name(self):
        return self.bytes_of("name").partition(b"\0")[0].decode(errors="replace")


class Unstarted(Structure):
    """It has an id and a name, and no tid, registers or stack."""

    kind = "unstarted"


class Coroutine(Structure):
    kind = "co"

    def is_current(self):
        return self.runtime.value("runtime.carrier.current") == self.address

    def registers(self):
        """As it left them when it was switched away from."""
        fields = self.runtime.fields
        size = fields["switch"][1]
        saved = read(self["sp"], size)
        found = {name: number(saved[fields["switch." + name][0] :][:8]) for name in SAVED}
        found["rsp"] = self["sp"] + size
        if self["fs_base"]:
            found["fs_base"] = self["fs_base"]
        return found

    def waits_on(self, by_tid):
        kind = self["wait.kind"]
        if self["state"] != PARKED or kind >= len(WAITS):
            return "-"
        tid = self["wait.tid"]
        holder = f" of {by_tid.get(tid, f'tid {tid}')}" if kind == 7 else f" held by {by_tid.get(tid, f'tid {tid}')}"
        pid = self["wait.pid"]
        return WAITS[kind].format(
            fd=self["wait.fd"], count=self["wait.count"], addr=self["wait.addr"], nr=self["wait.nr"],
            holder=holder if tid else "", pid=pid if 0 < pid < 1 << 31 else "of any pid")

    def __str__(self):
        return f"{self['id']} (tid {self['tid']}, \"{self.name()}\")"


def place_of(frame):
    """The stack pointer and program counter of a frame, or of one that is being unwound."""
    return int(frame.read_register("rsp")), int(frame.read_register("rip"))


class Selection:
    """The coroutine that gdb looks at, if any."""

    def __init__(self):
        self.registers = None  # None: gdb's own threads
        self.coroutine = None
        self.lwp = 0
        self.place = (0, 0)  # of the kernel thread: its stack pointer and program counter

    def choose(self, coroutine):
        """A coroutine, or None. The kernel thread that would run it becomes gdb's current one."""
        self.coroutine = coroutine
        self.registers = None
        gdb.invalidate_cached_frames()
        if coroutine is None:
            return
        thread = coroutine.runtime.carrier()
        if thread is not None:
            thread.switch()
        self.lwp = gdb.selected_thread().ptid[1]
        if not coroutine.is_current():
            self.place = place_of(gdb.newest_frame())
            self.registers = coroutine.registers()
            gdb.invalidate_cached_frames()
            self.newest_frame().select()

    def applies(self):
        thread = gdb.selected_thread()
        return self.registers is not None and thread is not None and thread.ptid[1] == self.lwp

    def is_before(self, frame):
        """Whether a frame is the kernel thread's, or a function inlined there."""
        return self.applies() and place_of(frame) == self.place

    def newest_frame(self):
        frame = gdb.newest_frame()
        while frame is not None and self.is_before(frame):
            frame = frame.older()
        return frame


selection = Selection()


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Unwinder(gdb.unwinder.Unwinder):
    """Leads from the innermost frame to the chosen coroutine's."""

    def __init__(self):
        super().__init__("coroshim")

    def __call__(self, pending):
        if not selection.is_before(pending):
            return None
        registers = selection.registers

        def value_of(name, value):
            return gdb.Value(struct.pack("<Q", value), pending.read_register(name).type)

        # Below the coroutine's stack pointer: gdb stops where a caller's frame is inside the one called.
        place = FrameId(value_of("rsp", registers["rsp"] - 8), pending.read_register("rip"))
        info = pending.create_unwind_info(place)
        for name, value in registers.items():
            info.add_saved_register(name, value_of(name, value))
        return info


def exported(path):
    """The names that an object exports, from its .dynsym: what a stripped one has, too."""
    with open(path, "rb") as file:
        data = file.read()
    start, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQII", data, start + i * size) for i in range(count)]
    names = set()
    for _, kind, _, _, offset, length, link, _ in sections:
        if kind != 11:  # SHT_DYNSYM
            continue
        strings = sections[link][4]
        for at in range(offset, offset + length, 24):
            name, _, _, section = struct.unpack_from("<IBBH", data, at)
            if section:
                names.add(data[strings + name : data.index(b"\0", strings + name)].decode())
    return names


class Own:
    """Which frames are coroshim's, and which of them stand for libc's functions."""

    doors = {}  # by path of the object

    @classmethod
    def is_own(cls, frame):
        return (gdb.solib_name(frame.pc()) or "").endswith("/libcoroshim.so")

    @classmethod
    def is_door(cls, frame):
        path = gdb.solib_name(frame.pc())
        if path not in cls.doors:
            try:
                cls.doors[path] = exported(path)
            except (OSError, struct.error, IndexError):
                cls.doors[path] = set()
        return frame.type() == gdb.NORMAL_FRAME and frame.name() in cls.doors[path]


class DoorDecorator(FrameDecorator):
    """A door as the function of libc that it stands for."""

    def filename(self):
        return gdb.solib_name(self.inferior_frame().pc())

    def line(self):
        return None

    def frame_args(self):
        return None


class Filter:
    """Leaves out the frame that only leads to the coroutine, and coroshim's own functions."""

    name = "coroshim"
    priority = 100
    enabled = True

    def filter(self, decorators):
        shown = []
        kept = []
        for decorator in decorators:
            frame = decorator.inferior_frame()
            if selection.is_before(frame):
                continue
            kept.append(decorator)
            if not Own.is_own(frame):
                shown.append(decorator)
            elif Own.is_door(frame):
                shown.append(DoorDecorator(decorator))
        return iter(shown or kept)


def parse_ids(words):
    """The ids that the first words list, as 3 5-7, or None for all; and the words behind them."""
    if words and words[0] == "all":
        return None, words[1:]
    wanted = set()
    while words and re.fullmatch(r"\d+(-\d+)?", words[0]):
        first, _, last = words[0].partition("-")
        wanted.update(range(int(first), int(last or first) + 1))
        words = words[1:]
    if not wanted:
        raise gdb.GdbError("Which coroutines? Give their ids, or all.")
    return wanted, words


def by_id(wanted):
    runtime = Runtime()
    for coroutine in runtime.coroutines():
        if coroutine["id"] == wanted:
            return coroutine
    for thread in runtime.unstarted():
        if thread["id"] == wanted:
            raise gdb.GdbError(f"Coroutine {wanted} has not been started.")
    raise gdb.GdbError(f"There is no coroutine {wanted}.")


class Elsewhere:
    """Looks at others for a while, and comes back to where gdb was."""

    def __enter__(self):
        self.coroutine = selection.coroutine
        self.thread = gdb.selected_thread()
        self.level = gdb.selected_frame().level()

    def __exit__(self, *_):
        selection.choose(None)
        self.thread.switch()
        if self.coroutine is not None:
            selection.choose(self.coroutine)
        frame = gdb.newest_frame()
        while frame is not None and frame.level() < self.level:
            frame = frame.older()
        if frame is not None:
            frame.select()


def top_frame(coroutine):
    """Where a coroutine is: its innermost function that is not coroshim's, and where that is."""
    selection.choose(coroutine)
    frame = selection.newest_frame()
    while frame is not None and Own.is_own(frame):
        if Own.is_door(frame):
            return frame.name()
        frame = frame.older()
    if frame is None:
        return "?"
    place = frame.find_sal()
    where = f" at {place.symtab.filename}:{place.line}" if place.symtab else ""
    return f"{frame.name() or hex(frame.pc())}{where}"


class InfoCoroutines(gdb.Command):
    """List the threads of a program under coroshim."""

    def __init__(self):
        super().__init__("info coroutines", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        runtime = Runtime()
        coroutines = list(runtime.coroutines())
        by_tid = {coroutine["tid"]: coroutine["id"] for coroutine in coroutines}
        chosen = selection.coroutine["id"] if selection.coroutine else None
        rows = [(str(thread["id"]), "-", thread.name() or "-", STATES[NEW], "-", "-") for thread in runtime.unstarted()]
        with Elsewhere():
            for coroutine in coroutines:
                state = coroutine["state"]
                rows.append((str(coroutine["id"]), str(coroutine["tid"]), coroutine.name() or "-",
                             STATES[state] if state < len(STATES) else "?", coroutine.waits_on(by_tid),
                             top_frame(coroutine)))
        rows.sort(key=lambda row: int(row[0]))
        rows.insert(0, ("Id", "Tid", "Name", "State", "Waits on", "Frame"))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        for row in rows:
            mark = "*" if row[0] == str(chosen) else " "
            cells = [cell.ljust(width) for cell, width in zip(row, widths)]
            print(mark, "  ".join([*cells, row[5]]).rstrip())


class CoroutineCommand(gdb.Command):
    """Look at a thread of a program under coroshim.
coroutine ID: bt, up, frame and the like show it from now on.
coroutine ID COMMAND: run one command so.
coroutine apply all|ID... COMMAND: run it for each.
coroutine none: back to gdb's own threads.
coroutine gcore [FILE]: write a core file with all stacks."""

    def __init__(self):
        super().__init__("coroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = argument.split()
        if not words:
            print(f"Coroutine {selection.coroutine}" if selection.coroutine else "No coroutine is selected.")
        elif words[0] == "none":
            selection.choose(None)
        elif words[0] == "gcore":
            write_core(words[1] if len(words) > 1 else f"core.{gdb.selected_inferior().pid}")
        elif words[0] == "apply":
            self.apply(words[1:])
        elif words[0].isdigit():
            coroutine = by_id(int(words[0]))
            if len(words) > 1:
                with Elsewhere():
                    selection.choose(coroutine)
                    gdb.execute(" ".join(words[1:]), from_tty)
            else:
                selection.choose(coroutine)
                print(f"[Switching to coroutine {coroutine}]")
                gdb.execute("frame", from_tty)
        else:
            raise gdb.GdbError(f"'{words[0]}' is no coroutine's id; see help coroutine.")

    @staticmethod
    def apply(words):
        wanted, words = parse_ids(words)
        if not words:
            raise gdb.GdbError("Which command is to be applied?")
        coroutines = list(Runtime().coroutines())
        by_tid = {coroutine["tid"]: coroutine["id"] for coroutine in coroutines}
        with Elsewhere():
            for coroutine in coroutines:
                if wanted is not None and coroutine["id"] not in wanted:
                    continue
                state = STATES[coroutine["state"]] if coroutine["state"] < len(STATES) else "?"
                wait = coroutine.waits_on(by_tid)
                print(f"\nCoroutine {coroutine}: {state}{'' if wait == '-' else ' on ' + wait}")
                selection.choose(coroutine)
                gdb.execute(" ".join(words))


def write_core(path):
    """gcore stops at the first page of a mapping that it can't read, and stacks have such: what it left
    out of them is written into its file afterwards."""
    selection.choose(None)
    gdb.execute(f"gcore {path}")
    with open(path, "r+b") as core:
        header = core.read(64)
        start, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        core.seek(start)
        segments = [struct.unpack("<IIQQQQQQ", core.read(size)[:56]) for _ in range(count)]
        for coroutine in Runtime().coroutines():
            copy_stack(core, segments, coroutine)


def copy_stack(core, segments, coroutine):
    first = coroutine["sp"] & ~0xFFF
    end = coroutine["stack_base"] + coroutine["stack_bytes"]
    for kind, _, offset, address, _, in_file, _, _ in segments:
        if kind == 1 and address <= first and end <= address + in_file:
            core.seek(offset + first - address)
            core.write(read(first, end - first))


def forget(_):
    if selection.coroutine is not None:
        selection.choose(None)


gdb.unwinder.register_unwinder(None, Unwinder(), replace=True)
gdb.frame_filters[Filter.name] = Filter()
gdb.events.cont.connect(forget)
InfoCoroutines()
CoroutineCommand()
