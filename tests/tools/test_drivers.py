"""The drivers of the tests: a name that matches nothing is an error, not a success of no tests."""

import pathlib
import re
import subprocess

import place
from place import Place

TESTS = pathlib.Path(__file__).resolve().parent.parent
LINE = "100%: Checks: 2, Failures: 0, Errors: 0"


class Drivers(Place):
    def drive(self, driver, *arguments, **variables):
        return subprocess.run(
            [TESTS / driver, *map(str, arguments)],
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def list_programs(self, *only):
        """tests/programs/run --list of a folder with three programs."""
        folder = self.folder / "programs"
        folder.mkdir(exist_ok=True)
        for name in ("cond_wait", "mutex_kinds", "mutex_robust"):
            self.write(f"programs/{name}", "")
        return self.drive("programs/run", folder, "--native-only", "--list", *only)

    def refused(self, done, *words):
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        for word in words:
            self.assertIn(word, done.stderr)

    def test_programs_are_chosen_by_names_and_commas(self):
        for only in (["--only", "cond,robust"], ["--only", "cond_*", "--only", "robust"]):
            done = self.list_programs(*only)
            self.assertEqual((done.stdout, done.stderr), ("cond_wait\nmutex_robust\n", ""))

    def test_each_pattern_of_programs_must_match(self):
        self.refused(self.list_programs("--only", "cond,nosuch,mutex,neither"), "'nosuch', 'neither'")
        self.refused(self.list_programs("--only", "cond,"), "''")
        self.refused(self.list_programs("--only", ""), "''")

    def test_unknown_names_are_refused(self):
        self.refused(self.drive("real/run", "--only", "redis,nosuch"), "'nosuch'")
        self.refused(self.drive("real/run", "--only", ""), "''")
        self.refused(self.drive("bench/run", "--list", "--only", "yield,nosuch.*"), "'nosuch.*'")
        self.refused(self.drive("lint/run", "sizes", "nosuch"), "'nosuch'")

    def test_an_unknown_module_of_python_is_refused(self):
        if not pathlib.Path("/usr/lib/python3.11/test/test_socket.py").exists():
            self.skipTest("no tests of Python's: apt-get install libpython3.11-testsuite")
        self.refused(
            self.drive("suites/python", "--shim", __file__, "test_socket", "test_nosuch"), "module: test_nosuch\n"
        )

    def test_a_run_of_no_test_is_an_error(self):
        program = self.write("program", f"#!/bin/sh\necho '{LINE}'\n")
        self.write("program.weak", f"#!/bin/sh\necho '{LINE}'\n")
        idle = self.write("idle", f"#!/bin/sh\necho '{LINE.replace('2', '0')}'\n")
        self.assertEqual(self.drive("unit/run", idle, program).returncode, 0)
        self.assertEqual(self.drive("api/run", place.BUILD, program, API_WAYS="linked slice").returncode, 0)
        self.refused(self.drive("api/run", place.BUILD, program, API_WAYS="linked nosuch"), "'nosuch'")
        for driver, arguments in ("unit/run", [idle]), ("unit/run", []), ("api/run", [place.BUILD]), ("examples/run", []):
            done = self.drive(driver, *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn("nothing was run", done.stderr)

    def test_the_ways_of_the_api_set_known_variables(self):
        for name in "program", "program.weak":
            self.write(name, f"#!/bin/sh\nenv | sed -n 's/^\\(CORO[A-Z_]*\\)=.*/\\1/p' >>{self.folder}/seen\necho '{LINE}'\n")
        self.assertEqual(self.drive("api/run", place.BUILD, self.folder / "program").returncode, 0)
        known = re.findall(r"^  (CORO[A-Z_]*)=", self.run_tool("corun", "--help").stdout, re.M)
        seen = (self.folder / "seen").read_text().split()
        self.assertIn("CORO_SLICE", seen)
        self.assertEqual([name for name in seen if name not in known], [])
