"""coroctl against the library's own server around invented threads, and against impostors."""

import json
import pathlib
import shutil
import signal
import struct
import subprocess
import unittest

from place import Place
import place

TID = 1 << 30
HELLO, LIST, REPLY, ERROR = 1, 2, 0x8000, 0xFFFF
MAGIC = 0x4F524F43


class Served(Place):
    """Starts servers and asks coroctl about them."""

    def coroctl(self, *arguments, **options):
        return self.run_tool("coroctl", *arguments, **options)

    def serve(self, *arguments, variables=None, name="fake_server"):
        """Starts a fake server; returns its process."""
        program = self.copy("tests/tools/fake_server")
        if name != "fake_server":
            (self.folder / name).unlink(missing_ok=True)
            program = pathlib.Path(shutil.copy(program, self.folder / name))
        process = subprocess.Popen(
            [program, *map(str, arguments)],
            env={**self.environment, **(variables or {})},
            user=self.user,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    @staticmethod
    def stop(process):
        if process.stdin and not process.stdin.closed:
            process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def refused(self, done, status, message):
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertRegex(done.stderr, message)


class Coroctl(Served):
    def test_table(self):
        server = self.serve()
        done = self.coroctl("list", "-p", server.pid)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertEqual(
            lines[0].split(), ["ID", "TID", "NAME", "STATE", "FOR", "WAITS-ON", "CPU", "SLICES", "STACK"]
        )
        self.assertEqual(len(lines), 1 + 20)
        self.assertEqual(len({len(line) for line in lines}), 1, "lines are not equally long")
        self.assertIn(" sleep, 1.2 s left ", lines[9])
        self.assertRegex(
            lines[2],
            rf"^ 2  {TID + 2}  worker-2 +parked +1\.2 s  read fd 7 \(127\.0\.0\.1:45122\) +3\.4 ms +7  4\.5 KiB$",
        )

    def test_what_threads_wait_on(self):
        server = self.serve()
        lines = self.coroctl("list", "--plain", "-p", server.pid).stdout.splitlines()
        self.assertEqual(
            lines[0].split("\t"), ["ID", "TID", "NAME", "STATE", "FOR_NS", "WAITS-ON", "CPU_NS", "SLICES", "STACK_BYTES"]
        )
        rows = [line.split("\t") for line in lines[1:]]
        self.assertEqual(rows[1][4], "1200000000")
        waits = [row[5] for row in rows]
        self.assertRegex(waits.pop(2), r"^write fd \d+ \(pipe:\[\d+\]\)$")
        self.assertRegex(waits.pop(2), r"^poll 3 descriptors, first fd \d+ \(/proc/version\), 2500000000 ns left$")
        self.assertEqual(
            waits,
            [
                "-",
                "read fd 7 (127.0.0.1:45122)",
                "futex 0x5550",
                f"mutex 0x5560 held by 3 ({TID + 3})",
                "condition 0x5570",
                f"join of 12 ({TID + 12})",
                "sleep, 1200000000 ns left",
                "child 4242",
                "signal",
                "system call fsync on a helper",
                "rwlock 0x5580 held by 2 readers",
                "semaphore 0x5590",
                "channel 0x55a0",
                "queue 0x55b0",
                "mailbox 0x55c0",
                "event 0x55d0",
                "user event 0x55e0",
                "page fault on a helper",
            ],
        )

    def test_names_cannot_move_the_cursor(self):
        server = self.serve()
        for option in ("--plain", None):
            text = self.coroctl("list", "-p", server.pid, *filter(None, [option])).stdout
            self.assertIn("na\\x1b[2Jme\\x0a", text)
            self.assertNotIn("\033", text)

    def test_json(self):
        server = self.serve()
        done = self.coroctl("list", "--json", "-p", server.pid)
        document = json.loads(done.stdout)
        self.assertEqual((document["schema"], document["pid"]), (1, server.pid))
        threads = document["threads"]
        self.assertEqual([thread["id"] for thread in threads], list(range(1, 21)))
        first = {
            "id": 1,
            "tid": TID + 1,
            "name": "na\033[2Jme\n",
            "state": "running",
            "state_ns": 1200000000,
            "cpu_ns": 3400000,
            "slices": 7,
            "preemptions": 2,
            "waits": 5,
            "io_calls": 11,
            "selfishness": 4,
            "own_selfishness": False,
            "stack_base": "0x7f0000010000",
            "stack_bytes": 65536,
            "stack_used_bytes": 4608,
        }
        self.assertEqual(threads[0], first)
        self.assertEqual(threads[1]["creator_id"], 1)
        waits = [thread.get("wait", {}) for thread in threads]
        self.assertEqual(waits[1], {"on": "read", "fd": 7, "peer": "127.0.0.1:45122"})
        self.assertRegex(waits[2].pop("target"), r"^pipe:\[\d+\]$")
        self.assertEqual(waits[2].pop("on"), "write")
        waits[3].pop("fd")
        self.assertEqual(
            waits[3], {"on": "poll", "target": "/proc/version", "descriptors": 3, "left_ns": 2500000000}
        )
        self.assertEqual(
            waits[4:],
            [
                {"on": "futex", "address": "0x5550"},
                {"on": "mutex", "address": "0x5560", "owner_tid": TID + 3, "owner_id": 3},
                {"on": "condition", "address": "0x5570"},
                {"on": "join", "owner_tid": TID + 12, "owner_id": 12},
                {"on": "sleep", "left_ns": 1200000000},
                {"on": "child", "child_pid": 4242},
                {"on": "signal"},
                {"on": "system_call", "system_call_number": 74, "system_call": "fsync"},
                {"on": "rwlock", "readers": 2, "address": "0x5580"},
                {"on": "semaphore", "address": "0x5590"},
                {"on": "channel", "address": "0x55a0"},
                {"on": "queue", "address": "0x55b0"},
                {"on": "mailbox", "address": "0x55c0"},
                {"on": "event", "address": "0x55d0"},
                {"on": "user_event", "address": "0x55e0"},
                {"on": "system_call"},
            ],
        )

    def test_many_threads(self):
        server = self.serve(20000)
        document = json.loads(self.coroctl("list", "--json", "-p", server.pid).stdout)
        self.assertEqual([thread["id"] for thread in document["threads"]], list(range(1, 20001)))
        table = self.coroctl("list", "-p", server.pid).stdout.splitlines()
        self.assertEqual(len(table), 20001)
        self.assertEqual(len({len(line) for line in table}), 1)

    @unittest.skipUnless(place.ROOT or not list(pathlib.Path("/tmp").glob("coroshim-[0-9]*")), "others run")
    def test_the_only_process_needs_no_name(self):
        self.refused(self.coroctl("list"), 3, "^coroctl: no process is under coroshim\n$")
        server = self.serve(3)
        self.assertEqual(self.coroctl("list", "--json").stdout.count('"id"'), 3)
        other = self.serve(4)
        done = self.coroctl("list")
        self.refused(done, 2, "^coroctl: which process\\? Name one with -p:\n")
        self.assertIn(f"{server.pid}  fake_server\n", done.stderr)
        self.assertIn(f"{other.pid}  fake_server\n", done.stderr)

    def test_processes_have_names(self):
        self.serve(3)
        self.serve(4, name="other")
        self.assertEqual(self.coroctl("list", "--json", "-p", "other").stdout.count('"id"'), 4)
        self.refused(self.coroctl("list", "-p", "oth"), 3, "no process named oth is under coroshim")
        self.serve(5, name="other")
        self.refused(self.coroctl("list", "-p", "other"), 2, "which process")

    def test_numbers_that_no_process_has(self):
        self.serve(3)
        for text in ("", "0", "-5", "4294967296", "99999999999999999999"):
            self.refused(self.coroctl("list", f"--pid={text}"), 2, f"^coroctl: '{text}' is neither a pid nor a name\n$")

    def test_a_process_that_is_not_there_or_not_ours(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        self.refused(self.coroctl("list", "-p", ended.pid), 3, f"^coroctl: there is no process {ended.pid}\n$")
        sleeper = subprocess.Popen(["sleep", "60"], user=self.user)
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        self.refused(self.coroctl("list", "-p", sleeper.pid), 3, r"\(.*\) is not under coroshim")

    def test_a_stale_socket_is_removed_in_silence(self):
        server = self.serve()
        path = self.runtime / "coroshim" / f"{server.pid}.sock"
        self.assertTrue(path.is_socket())
        server.send_signal(signal.SIGKILL)
        server.wait()
        self.assertTrue(path.is_socket())
        self.refused(self.coroctl("list", "-p", server.pid), 3, f"^coroctl: there is no process {server.pid}\n$")
        self.assertFalse(path.exists())

    def test_a_stale_socket_of_another_process_is_removed_too(self):
        killed, server = self.serve(), self.serve()
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        self.assertEqual(self.coroctl("list", "-p", server.pid).returncode, 0)
        self.assertEqual([path.stem for path in self.runtime.glob("coroshim/*")], [str(server.pid)])

    def test_a_fallback_directory_is_found(self):
        server = self.serve(2, variables={"XDG_RUNTIME_DIR": "/nonexistent"})
        self.assertEqual(self.coroctl("list", "--json", "-p", server.pid).stdout.count('"id"'), 2)

    def test_a_foreign_runtime_directory_is_found(self):
        server = self.serve(2)
        variables = {"XDG_RUNTIME_DIR": "/nonexistent"}
        done = self.coroctl("list", "--json", "-p", server.pid, variables=variables)
        self.assertEqual(done.stdout.count('"id"'), 2, done.stderr)

    @unittest.skipUnless(place.ROOT, "needs root")
    def test_root_may_look_and_other_users_may_not(self):
        server = self.serve(2)
        done = self.coroctl("list", "--json", "-p", server.pid, user=0)
        self.assertEqual(done.stdout.count('"id"'), 2, done.stderr)
        self.refused(
            self.coroctl("list", "-p", server.pid, user=1234),
            4,
            f"^coroctl: process {server.pid} \\(fake_server\\) belongs to user {place.NOBODY}: permission denied\n$",
        )

    def test_unsafe_directories_are_not_looked_at(self):
        server = self.serve(2)
        directory = self.runtime / "coroshim"
        directory.chmod(0o750)
        self.refused(self.coroctl("list", "-p", server.pid), 3, "not under coroshim")
        directory.chmod(0o700)
        directory.rename(self.runtime / "elsewhere")
        directory.symlink_to(self.runtime / "elsewhere")
        self.refused(self.coroctl("list", "-p", server.pid), 3, "not under coroshim")

    def test_output_that_cannot_be_written_is_an_error(self):
        server = self.serve()
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [self.copy("coroctl"), "list", "-p", str(server.pid)],
                env=self.environment,
                user=self.user,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)

    def test_usage(self):
        for arguments in ([], ["bogus"], ["list", "--bogus"], ["list", "x"], ["list", "-p"], ["help", "bogus"],
                          ["list", "--json", "--plain"]):  # fmt: skip
            self.refused(self.coroctl(*arguments), 2, "^coroctl")
        self.assertRegex(self.coroctl("--version").stdout, r"^coroctl \(coroshim\) \d+\.\d+\.\d+\n$")
        self.assertIn("\n  list  ", self.coroctl("--help").stdout)
        self.assertIn("\n  list  ", self.coroctl("help").stdout)
        self.assertIn("--json", self.coroctl("help", "list").stdout)
        self.assertEqual(self.coroctl("help", "list").stdout, self.coroctl("list", "--help").stdout)


IMPOSTOR = """
import os, socket, struct, sys
path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "coroshim")
os.makedirs(path, 0o700, exist_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.join(path, (sys.argv[1] or str(os.getpid())) + ".sock"))
listener.listen()
print("ready", flush=True)
client = listener.accept()[0]
try:
    client.recv(1 << 16)
    client.sendall(bytes.fromhex(sys.argv[2]))
    if sys.argv[3] == "list":
        client.recv(1 << 16)
        client.sendall(bytes.fromhex(sys.argv[4]))
except BrokenPipeError:
    pass
if sys.argv[3] != "close":
    sys.stdin.read()
"""


def frame(kind, body, flags=0, length=None):
    return struct.pack("<IHH", len(body) if length is None else length, kind, flags) + body


def hello(magic=MAGIC, version=1):
    return frame(HELLO | REPLY, struct.pack("<IIII32s16s32x", magic, version, 1, 0, b"9.8.7", b"impostor"))


class Impostors(Served):
    """Servers that are not what they seem."""

    def meet(self, first, then="close", second=b"", name=""):
        process = subprocess.Popen(
            ["/usr/bin/python3", "-c", IMPOSTOR, name, first.hex(), then, second.hex()],
            env=self.environment,
            user=self.user,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.stop, process)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return self.coroctl("list", "-p", name or process.pid)

    def test_another_protocol_version(self):
        self.refused(self.meet(hello(version=2), "wait"), 5, r"has coroshim 9\.8\.7 \(protocol 2\), this coroctl is")

    def test_not_coroshim(self):
        for answer in (hello(magic=0), frame(HELLO | REPLY, b"short"), frame(77, b"x" * 200),
                       frame(HELLO | REPLY, b"", length=1 << 30), b"HTTP/1.0 400 Bad Request\r\n"):  # fmt: skip
            self.refused(self.meet(answer, "wait"), 5, "answers nonsense")

    def test_hanging_up(self):
        for answer in (b"", hello()[:20]):
            self.refused(self.meet(answer), 1, "hung up")

    def test_silence(self):
        self.refused(self.meet(b"", "wait"), 1, "did not answer within 5 s")

    def test_lists_that_contradict_themselves(self):
        record = struct.pack("<Q", 1) + bytes(192)
        cases = {
            "too few bytes": struct.pack("<IIQ", 2, 200, 0) + record,
            "no records size": struct.pack("<IIQ", 1, 0, 0) + record,
            "overflow": struct.pack("<IIQ", 0xFFFFFFFF, 0xFFFFFFFF, 0) + record,
            "one id twice": struct.pack("<IIQ", 2, 200, 0) + record * 2,
        }
        for name, body in cases.items():
            with self.subTest(name):
                self.refused(self.meet(hello(), "list", frame(LIST | REPLY, body)), 5, "answers nonsense")

    def test_records_of_other_releases(self):
        short = struct.pack("<IIQ", 1, 16, 0) + struct.pack("<QQ", 5, 0)
        done = self.meet(hello(), "list", frame(LIST | REPLY, short))
        self.assertEqual((done.returncode, done.stdout.splitlines()[1].split()[0]), (0, "5"))
        long = struct.pack("<IIQ", 2, 300, 0) + b"".join(struct.pack("<Q", id) + bytes(292) for id in (5, 6))
        done = self.meet(hello(), "list", frame(LIST | REPLY, long))
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()[1:]], ["5", "6"])

    def test_a_refusal_is_repeated(self):
        refusal = struct.pack("<II120s", 4, LIST, b"no such luck")
        self.refused(self.meet(hello(), "list", frame(ERROR, refusal)), 1, "refuses: no such luck")
        refusal = struct.pack("<II120s", 1, LIST, b"unknown request")
        self.refused(self.meet(hello(), "list", frame(ERROR, refusal)), 5, "refuses: unknown request")

    def test_a_socket_of_another_process(self):
        sleeper = subprocess.Popen(["sleep", "60"], user=self.user)
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        done = self.meet(hello(), "wait", name=str(sleeper.pid))
        self.refused(done, 4, f"the socket of process {sleeper.pid} is held by process \\d+: refused")
