"""corun --check: what it finds in programs of all kinds."""

import os
import shutil
import struct
import subprocess
import unittest

from place import Place
import place

PROGRAM = "int main(void) { return 0; }"


class Check(Place):
    def check(self, program, **options):
        """Exit status and the findings' lines, for which nothing may stand on stderr."""
        done = self.run_tool("corun", "--check", program, **options)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout.splitlines()

    def refuses(self, program, finding, **options):
        status, lines = self.check(program, **options)
        self.assertEqual(status, 1, lines)
        self.assertTrue([line for line in lines if "problem: " in line and finding in line], lines)

    def test_a_dynamic_program_works(self):
        program = self.compile("dynamic", PROGRAM)
        self.assertEqual(
            self.check(program),
            (
                0,
                [
                    f"{program}: ok: ELF, 64-bit, x86-64",
                    f"{program}: ok: dynamically linked by /lib64/ld-linux-x86-64.so.2",
                ],
            ),
        )
        self.assertEqual(self.check("dynamic", variables={"PATH": f"/nonexistent::{self.folder}"})[0], 0)
        self.assertEqual(self.check("./dynamic")[0], 0)

    def test_checking_executes_nothing(self):
        program = self.write("script", f"#!/bin/sh\ntouch {self.folder}/ran\n")
        self.assertEqual(self.check(program)[0], 0)
        self.assertFalse((self.folder / "ran").exists())

    def test_static_programs(self):
        self.refuses(self.compile("static", PROGRAM, "-static"), "statically linked")
        self.refuses(self.compile("static-pie", PROGRAM, "-static-pie"), "statically linked")

    def test_another_c_library(self):
        self.refuses(
            self.compile("musl", PROGRAM, "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"), "linked with musl"
        )
        self.refuses(self.compile("other", PROGRAM, "-Wl,--dynamic-linker=/lib/ld.so"), "is not glibc's")
        self.refuses(
            self.compile("lost", PROGRAM, "-Wl,--dynamic-linker=/x/ld-linux-x86-64.so.2"), "No such file or directory"
        )

    def test_another_architecture(self):
        program = bytearray(self.compile("dynamic", PROGRAM).read_bytes())
        program[18:20] = struct.pack("<H", 183)
        self.refuses(self.write("arm", bytes(program)), "machine 183, not x86-64")
        program[4] = 1
        self.refuses(self.write("small", bytes(program)), "not 64-bit")

    def test_damaged_programs(self):
        program = self.compile("dynamic", PROGRAM).read_bytes()
        self.refuses(self.write("short", program[:64]), "statically linked")
        self.refuses(self.write("stub", program[:40]), "not a program for this machine")
        damaged = bytearray(program)
        damaged[56:58] = b"\xff\xff"
        self.refuses(self.write("headers", bytes(damaged)), "damaged ELF header")
        self.refuses(self.write("noise", os.urandom(5000).replace(b"#!", b"!!")), "not a program for this machine")

    def test_scripts(self):
        program = self.compile("dynamic", PROGRAM)
        works = {
            "direct": f"#!{program}\n",
            "argument": f"#! {program} -x\n",
            "env": "#!/usr/bin/env dynamic\n",
            "split": "#!/usr/bin/env -S dynamic -x\n",
            "chain": f"#!{self.folder}/direct\n",
            "bare": "echo\n",
        }
        for name, content in works.items():
            path = self.write(name, content)
            status, lines = self.check(path, variables={"PATH": f"{self.folder}:/bin"})
            self.assertEqual(status, 0, lines)
            self.assertTrue(lines[0].startswith(f"{path}: ok: "))
        self.assertEqual(self.check(self.folder / "env", variables={"PATH": "/bin"})[0], 1)
        self.refuses(self.write("static-script", f"#!{self.compile('static', PROGRAM, '-static')}\n"), "statically")
        self.refuses(self.write("lost", "#!/nonexistent/x\n"), "No such file or directory")
        self.refuses(self.write("empty", "#!\n"), "without a usable interpreter")
        self.refuses(self.write("loop", f"#!{self.folder}/loop\n"), "without a usable interpreter")

    def test_what_is_no_program(self):
        self.refuses("no-such-program", "not found")
        self.refuses("", "not found")
        self.refuses("/tmp", "not a file")
        self.refuses(self.write("plain", "text", 0o644), "Permission denied")

    @unittest.skipUnless(place.ROOT, "needs root")
    def test_privileged_programs(self):
        program = self.compile("privileged", PROGRAM)
        program.chmod(0o4755)
        self.refuses(program, "setuid to user 0")
        status, lines = self.check(program, user=0)
        self.assertEqual(status, 0)
        self.assertIn(f"{program}: note: setuid to the present user: no effect", lines)
        program.chmod(0o2755)
        self.refuses(program, "setgid to group 0", group=place.NOBODY)
        program.chmod(0o0711)
        self.refuses(program, "cannot be examined: Permission denied")

    @unittest.skipUnless(place.ROOT and shutil.which("setcap"), "needs root and setcap")
    def test_file_capabilities(self):
        program = self.compile("capable", PROGRAM)
        if subprocess.run(["setcap", "cap_net_raw+ep", program], check=False).returncode != 0:
            self.skipTest("the file system has no capabilities")
        self.refuses(program, "file capabilities: LD_PRELOAD is ignored")
