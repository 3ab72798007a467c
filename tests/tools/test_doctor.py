"""coroctl doctor, of the machine and of a process."""

import json
import os
import resource

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* Between two calls, which can't be moved, there is no room for a jump. */
__asm__(".text\n.globl crowded\n.type crowded, @function\ncrowded:\n.cfi_startproc\n"
        "call helper\nsyscall\ncall helper\nret\n.cfi_endproc\n.size crowded, .-crowded\n"
        ".type helper, @function\nhelper:\n.cfi_startproc\nret\n.cfi_endproc\n.size helper, .-helper\n");

static void *sleeper(void *argument)
{
    for (;;)
        pause();
    return argument;
}

int main(void)
{
    pthread_t thread;
    char byte;

    pthread_create(&thread, NULL, sleeper, NULL);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""

ABOUT = ["machine", "libraries", "environment"]


class Doctor(Shimmed):
    def ask(self, *arguments, status=0, **options):
        done = self.run_tool("coroctl", "doctor", *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def findings(self, *arguments, **options):
        document = json.loads(self.ask("--json", *arguments, **options))
        return document, {finding["name"]: (finding["level"], finding["text"]) for finding in document["findings"]}

    def test_the_machine(self):
        document, found = self.findings()
        self.assertEqual(list(dict.fromkeys(finding["about"] for finding in document["findings"])), ABOUT)
        self.assertIn(os.uname().release, found["kernel"][1])
        self.assertNotIn("pid", document)
        self.assertEqual(found["libZydis.so.4.0"], ("ok", "found"))
        self.assertEqual(found["CORO_*"], ("ok", "none is set"))

    def test_for_people_and_for_programs(self):
        table = self.ask()
        self.assertRegex(table, r"^Machine\n  ok       kernel: Linux .*\n(.*\n)*\nLibraries\n")
        rows = [line.split("\t") for line in self.ask("--plain").splitlines()]
        self.assertEqual(rows[0], ["ABOUT", "NAME", "LEVEL", "TEXT"])
        self.assertEqual({len(row) for row in rows}, {4})

    def test_variables_with_bad_values_are_problems(self):
        _, found = self.findings(status=1, variables={"CORO_SLICE": "12x", "CORO_SLYCE": "1", "CORO_LOG": "info",
                                                      "CORONA": "1", "CORO_FOO_BAR_BAZ": "1"})
        self.assertEqual(found["CORO_SLICE"], ("problem", "12x: not a duration; the default is used"))
        self.assertEqual(found["CORO_SLYCE"], ("problem", "is not known; CORO_SLICE is"))
        self.assertEqual(found["CORO_FOO_BAR_BAZ"], ("problem", "is not known"))
        self.assertEqual(found["CORO_LOG"], ("ok", "info"))
        self.assertNotIn("CORONA", found)

    def test_limits(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

        _, found = self.findings(preexec_fn=lower)
        self.assertEqual(found["RLIMIT_NOFILE"][0], "note")
        self.assertRegex(found["RLIMIT_NOFILE"][1], "^100: .*ulimit -n")

    def test_a_process(self):
        program = self.compile("examined", PROGRAM, "-pthread", "-O1", "-Wl,--no-as-needed", "-lm")
        process = self.start(program, options=["--log=warn"])
        document, found = self.findings("-p", process.pid)
        self.assertEqual(document["pid"], process.pid)
        self.assertEqual(list(dict.fromkeys(finding["about"] for finding in document["findings"])),
                         [*ABOUT, "process", "objects"])
        self.assertEqual(found["CORO_LOG"], ("ok", "warn"))
        for name in ("switches", "mutexes", "cancellation", "cancel and call"):
            self.assertEqual(found[name][0], "ok", found[name])
        objects = {object["name"].rpartition("/")[2]: object for object in document["objects"]}
        libc = objects["libc.so.6"]
        self.assertGreater(libc["rewritten"], 400)
        self.assertEqual(libc["raw"], sum(libc["why"].values()))
        self.assertGreaterEqual(libc["why"]["sigreturn"], 1)
        own = objects["examined"]
        self.assertEqual((own["rewritten"], own["raw"], own["why"]["crowded"]), (0, 1, 1))
        self.assertEqual(found[own["name"]],
                         ("note", "0 system calls rewritten, 1 left: 1 with no room for a jump"))
        for name, (_, text) in found.items():
            self.assertNotIn("0 system calls rewritten, 0 left", text, name)
        self.assertTrue(any(not object["rewritten"] and not object["raw"] for object in document["objects"]))
        self.assertEqual(found["calls"][0], "note")
        self.assertIn("CORO_DISPATCH=on", found["calls"][1])
        done = self.run_tool("coroctl", "doctor", "-p", "1" if os.getpid() != 1 else "2")
        self.assertIn(done.returncode, (3, 4))

    def test_dispatch_is_noticed(self):
        process = self.start(self.compile("examined", PROGRAM, "-pthread", "-O1"), options=["--dispatch"])
        _, found = self.findings("-p", process.pid)
        if found["user dispatch"][0] == "ok":
            self.assertEqual(found["calls"], ("ok", found["calls"][1]))
