"""What is measured: one Case a row, with the target that each figure is held against.

A case runs one command natively and under the shim, and other programs beside them. Variants of a
case print the same metrics. Targets are relations between medians of the same run:

    Faster(20)            the shim is at least 20 times better than native
    Faster(1, "epoll")    ... at least as good as the variant `epoll`
    AtMost(12)            the shim's figure is at most 12
    AddsAtMost(500)       the shim's figure is at most 500 above native
"""

import os


class Faster:
    def __init__(self, factor, than="native"):
        self.factor, self.than = factor, than
        self.text = f">= {factor:g}x {than}"

    def reached(self, medians, higher_is_better):
        mine, other = medians["shim"], medians[self.than]
        ratio = mine / other if higher_is_better else other / mine
        return ratio >= self.factor


class AtMost:
    than = "shim"

    def __init__(self, most):
        self.most, self.text = most, f"<= {most:g}"

    def reached(self, medians, _higher_is_better):
        return medians["shim"] <= self.most


class AddsAtMost:
    than = "native"

    def __init__(self, most):
        self.most, self.text = most, f"<= native + {most:g}"

    def reached(self, medians, _higher_is_better):
        return medians["shim"] - medians["native"] <= self.most


class Case:
    """One benchmark. `command` is a list, or a function of the Scale that gives it.

    cpus: "all", or "one" to pin the program to the first core. kind: "program"; "echo" (command is
    the server; `load` the client's connections and bytes); "startup" (the helper stays native and
    gives the preload to its child alone). `others` are further variants {name: command}, native.
    `observers` {name: arguments of coroctl} make variants of the shim alone, each with that coroctl
    beside it, and are compared with the shim instead of native.
    """

    def __init__(self, name, title, command, cpus="all", kind="program", targets=None,
                 load=None, others=None, observers=None, max_rounds=None, warm_up=True, limit_s=60):
        self.name, self.title, self.command = name, title, command
        self.cpus, self.kind, self.load = cpus, kind, load
        self.targets, self.others = targets or {}, others or {}
        self.observers = observers or {}
        self.max_rounds, self.warm_up, self.limit_s = max_rounds, warm_up, limit_s


class Scale:
    """How long and how large a run is."""

    def __init__(self, quick=False, threads=None):
        self.budget_ms = 50 if quick else 300
        self.echo_ms = 500 if quick else 2000
        self.sleep_ms = 500 if quick else 2000
        self.starts = 40 if quick else 200
        self.sleepers = 2000 if quick else 10000
        self.threads = threads or (10000 if quick else 100000)
        self.timers = 20000 if quick else 1000000
        self.timers_ms = 500 if quick else 10000
        self.shim_at_work = True


# So many thread ids stay free natively: at the end of the ids no process here could start another.
SPARE_IDS = 2000


def native_threads(wanted):
    """The highest number of native threads up to `wanted` that leaves the machine usable."""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as limit:
        ids = int(limit.read())
    with open("/proc/loadavg", encoding="ascii") as load:
        used = int(load.read().split()[3].split("/")[1])
    return max(1, min(wanted, ids - used - SPARE_IDS))


def timed(program, *arguments):
    """A command whose last argument is the time budget."""
    return lambda scale, variant: [program, *arguments, str(scale.budget_ms)]


def many(scale, variant):
    unlimited = variant == "shim" and scale.shim_at_work
    return ["many", str(scale.threads if unlimited else native_threads(scale.threads))]


def peers(*arguments, names=("st", "go")):
    """The same measurement on other coroutine systems, where they were built."""
    return {name: timed(f"{name}_peer", *arguments) for name in names}


ALL_PEERS = ("st", "fiber", "go")


def timers(*program):
    """Sleepers that sleep at the same time: long enough that the last one begins before the first ends."""
    def command(scale, variant):
        unlimited = variant != "native" and (variant != "shim" or scale.shim_at_work)
        count = scale.timers if unlimited else native_threads(scale.timers)
        return [*program, str(count), str(scale.timers_ms)]
    return command


def echo(connections, size, targets):
    return Case(f"echo.{connections}x{size}",
                f"thread-per-connection echo, {connections} connections, {size} bytes, one core",
                ["echo_threads"], kind="echo", cpus="one", load=(connections, size),
                targets=targets,
                others={"epoll": ["echo_epoll"], "full": ["echo_epoll_full"], "st": ["st_peer", "echo"],
                        "go": ["go_peer", "echo"]})


def startup(name, program):
    return Case(f"startup.{name}", f"start of {program.lstrip('@')}, which makes no thread",
                lambda scale, variant: ["startup", str(scale.starts), program],
                kind="startup", targets={"start": [AddsAtMost(500)]})


CASES = [
    Case("yield.2", "sched_yield between 2 threads on one core", timed("yield", "2"),
         cpus="one", targets={"yield": [Faster(20)]}, others=peers("yield", "2")),
    Case("yield.100", "sched_yield between 100 threads on one core", timed("yield", "100"),
         cpus="one", targets={"yield": [Faster(20)]}, others=peers("yield", "100")),
    Case("yield.100.all", "the same, native on all cores", timed("yield", "100")),
    Case("handoff.cond", "hand-off by mutex and condition variable", timed("handoff", "cond"),
         targets={"handoff": [Faster(8)]}),
    Case("handoff.cond.one", "the same on one core", timed("handoff", "cond"),
         cpus="one", targets={"handoff": [Faster(8)]}, others=peers("handoff", "cond")),
    Case("handoff.sem", "hand-off by semaphores", timed("handoff", "sem")),
    Case("handoff.sem.one", "the same on one core", timed("handoff", "sem"), cpus="one"),
    Case("handoff.futex", "hand-off by futex through syscall()", timed("handoff", "futex")),
    Case("handoff.futex.one", "the same on one core", timed("handoff", "futex"), cpus="one"),
    Case("create.join", "create and join a thread", timed("create", "join"),
         targets={"create": [Faster(15)]}),
    Case("create.join.one", "the same on one core", timed("create", "join"), cpus="one"),
    Case("create.batch", "create 64, then join them, per thread", timed("create", "batch")),
    Case("create.detached", "detached threads, at most 64 alive", timed("create", "detached")),
    Case("lock.single", "mutex lock and unlock, process without threads", timed("lock", "single"),
         targets={"lock": [Faster(0.95)]}),
    Case("lock.parked", "mutex lock and unlock beside waiting threads", timed("lock", "parked"),
         targets={"lock": [Faster(0.95)]}),
    Case("lock.rwlock", "rdlock and unlock beside waiting threads", timed("lock", "rwlock"),
         targets={"lock": [Faster(0.95)]}),
    Case("lock.contended", "a mutex among 16 threads, per acquisition",
         timed("lock", "contended")),
    Case("pingpong.pipe", "round trip over two pipes", timed("pingpong", "pipe")),
    Case("pingpong.pipe.one", "the same on one core", timed("pingpong", "pipe"), cpus="one"),
    Case("pingpong.socket", "round trip over a socketpair", timed("pingpong", "socketpair")),
    Case("pingpong.socket.one", "the same on one core", timed("pingpong", "socketpair"),
         cpus="one"),
    Case("talk.channel", "coro.h: values through a channel on one core, by condition variables natively",
         timed("talk", "channel"), cpus="one",
         targets={"channel": [Faster(1, "st"), Faster(1, "go")]},
         others=peers("channel", names=ALL_PEERS)),
    Case("talk.mailbox", "coro.h: messages to a mailbox of 1,000 on one core", timed("talk", "mailbox"),
         cpus="one", others=peers("mailbox", names=ALL_PEERS)),
    Case("spawn", "coro.h: a function in a thread of its own and its result, on one core",
         timed("spawn"), cpus="one", others=peers("spawn", names=ALL_PEERS)),
    Case("timers", "threads that sleep at the same time, each once, on one core",
         timers("timers"), cpus="one", max_rounds=3, warm_up=False, limit_s=240,
         others={name: timers(f"{name}_peer", "timers") for name in ALL_PEERS}),
    startup("true", "/bin/true"),
    startup("trivial", "@trivial"),
    Case("sleepers", "many threads in nanosleep(100..300 ms)",
         lambda scale, variant: ["sleepers", str(scale.sleepers), str(scale.sleep_ms)],
         max_rounds=3, warm_up=False),
    Case("many", "live threads with default attributes", many, max_rounds=3, warm_up=False,
         limit_s=240, targets={"resident": [AtMost(12)]}),
    echo(100, 64, {}),
    echo(1000, 64, {"requests": [Faster(1.5), Faster(1, "epoll")],
                    "latency_p99": [Faster(1)]}),
    echo(1000, 1024, {}),
    Case("observed", "that echo with 100 connections and coroctl beside it", ["echo_threads"],
         kind="echo", cpus="one", load=(100, 64),
         observers={"stat": ["stat", "-i", "1"],
                    "trace": ["trace", "-o", "/dev/null", "--time", "600"],
                    "profile": ["profile", "-o", "/dev/null", "--time", "600"]}),
]

HIGHER_IS_BETTER = {"1/s", "threads"}
NOT_COMPARED = {"client_cpu"}


def resolve(command, scale, variant, directory):
    """The command of a variant as a list, or None when its program was not built.

    The first word is a program of this benchmark, and so is any other that begins with "@".
    """
    words = command(scale, variant) if callable(command) else list(command)
    words[0] = "@" + words[0]
    words = [os.path.join(directory, word[1:]) if word.startswith("@") else word
             for word in words]
    return words if os.access(words[0], os.X_OK) else None
