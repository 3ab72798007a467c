"""corun: what it hands to the program, and what it says when it cannot."""

import pathlib
import re
import subprocess

from place import Place


class Corun(Place):
    """With a library that does nothing, so that only corun is tested."""

    def setUp(self):
        super().setUp()
        self.library = self.compile("libcoroshim.so", "", "-shared", "-fPIC")

    def corun(self, *arguments, **options):
        return self.run_tool("corun", *arguments, **options)

    def variables_of(self, *options, **others):
        """The environment that a program started with these options has."""
        done = self.corun(*options, "env", **others)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    def test_exit_status_is_the_programs_own(self):
        for status in (0, 1, 3, 124, 125, 126, 127, 255):
            done = self.corun("sh", "-c", f"exit {status}")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", ""))

    def test_a_signal_is_the_programs_own(self):
        self.assertEqual(self.corun("sh", "-c", "kill -9 $$").returncode, -9)
        self.assertEqual(self.corun("sh", "-c", "kill -TERM $$").returncode, -15)

    def test_program_has_coruns_pid(self):
        process = subprocess.Popen(
            [self.copy("corun"), "sh", "-c", "echo $$"], env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.assertEqual(process.communicate(timeout=60)[0].strip(), str(process.pid))

    def test_the_library_beside_corun_is_preloaded(self):
        self.assertEqual(self.variables_of()["LD_PRELOAD"], str(self.library))

    def test_other_preloads_are_kept_and_ours_is_not_repeated(self):
        cases = {
            "libm.so.6": f"libm.so.6:{self.library}",
            f"{self.library}": f"{self.library}",
            f" libm.so.6 :{self.library}:libdl.so.2:": f"libm.so.6:libdl.so.2:{self.library}",
        }
        for before, after in cases.items():
            self.assertEqual(self.variables_of(variables={"LD_PRELOAD": before})["LD_PRELOAD"], after)

    def test_the_library_can_be_named(self):
        other = self.compile("other.so", "", "-shared", "-fPIC")
        self.assertEqual(self.variables_of(variables={"CORO_LIB": str(other)})["LD_PRELOAD"], str(other))
        self.assertEqual(self.variables_of(variables={"CORO_LIB": "other.so"})["LD_PRELOAD"], str(other))

    def test_a_library_that_cannot_be_preloaded_is_an_error(self):
        done = self.corun("true", variables={"CORO_LIB": "/nonexistent/x.so"})
        self.assertEqual(done.returncode, 125)
        self.assertEqual(done.stderr, "corun: CORO_LIB=/nonexistent/x.so: No such file or directory\n")
        spaced = self.folder / "a b.so"
        self.library.rename(spaced)
        done = self.corun("true", variables={"CORO_LIB": str(spaced)})
        self.assertEqual(done.returncode, 125)
        self.assertRegex(done.stderr, "^corun: .* cannot hold a path with a space or colon\n$")

    def test_a_library_in_lib_beside_bin_is_found(self):
        for name in ("bin", "lib"):
            (self.folder / name).mkdir()
        self.library.rename(self.folder / "lib" / "libcoroshim.so")
        self.copy("corun").rename(self.folder / "bin" / "corun")
        done = subprocess.run(
            [self.folder / "bin" / "corun", "env"], env=self.environment, capture_output=True, text=True, check=True
        )
        self.assertIn(f"LD_PRELOAD={self.folder}/lib/libcoroshim.so\n", done.stdout)

    def test_options_become_variables(self):
        variables = self.variables_of(
            "--slice=20us", "--selfishness", "7", "--latency-warning=2.5", "--log=debug", "--no-follow", "--no-control"
        )
        self.assertEqual(
            {name: value for name, value in variables.items() if name.startswith("CORO")},
            {
                "CORO_SLICE": "20us",
                "CORO_SELFISHNESS": "7",
                "CORO_LATENCY_WARNING": "2.5",
                "CORO_LOG": "debug",
                "CORO_FOLLOW": "off",
                "CORO_CONTROL": "off",
            },
        )
        self.assertEqual(self.variables_of("--no-follow", "--follow")["CORO_FOLLOW"], "on")
        self.assertEqual(self.variables_of("--slice=1s", variables={"CORO_SLICE": "2s"})["CORO_SLICE"], "1s")
        self.assertFalse([name for name in self.variables_of() if name.startswith("CORO")])

    def test_a_relative_log_file_becomes_absolute(self):
        self.assertEqual(self.variables_of("--log-file=x/y")["CORO_LOG_FILE"], f"{self.folder}/x/y")
        self.assertEqual(self.variables_of("--log-file=/x/y")["CORO_LOG_FILE"], "/x/y")

    def test_the_programs_options_are_the_programs(self):
        for options in (["echo"], ["--", "echo"], ["--slice=1s", "--", "echo"]):
            done = self.corun(*options, "--slice=x", "--help", "--")
            self.assertEqual((done.returncode, done.stdout), (0, "--slice=x --help --\n"))

    def test_bad_values_cost_one_line_and_125(self):
        cases = {
            "--slice=12x": "corun: --slice=12x: not a duration\n",
            "--slice=10": "corun: --slice=10: a duration needs a unit: ns, us, ms or s\n",
            "--slice=1us": "corun: --slice=1us: out of range 20us..10s or 0\n",
            "--selfishness=0": "corun: --selfishness=0: out of range 1..32768\n",
            "--latency-warning=301": "corun: --latency-warning=301: out of range 0..300\n",
            "--log=loud": "corun: --log=loud: not one of off, error, warn, info or debug\n",
            f"--log-file=/{'x' * 255}": f"corun: --log-file=/{'x' * 255}: longer than 255 bytes\n",
        }
        for option, message in cases.items():
            done = self.corun(option, "true")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (125, "", message))

    def test_wrong_usage_is_125(self):
        for arguments in ([], ["--bogus", "true"], ["--slice"], ["--follow=maybe", "true"], ["--"]):
            done = self.corun(*arguments)
            self.assertEqual((done.returncode, done.stdout), (125, ""), arguments)
            self.assertRegex(done.stderr, "^corun: ")

    def test_programs_that_cannot_be_found_or_executed(self):
        self.write("plain", "text", 0o644)
        cases = {
            "no-such-program": (127, "No such file or directory"),
            "./no-such-program": (127, "No such file or directory"),
            "": (127, "No such file or directory"),
            "./plain": (126, "Permission denied"),
            "/tmp": (126, "Permission denied"),
        }
        for program, (status, message) in cases.items():
            done = self.corun(program)
            self.assertEqual((done.returncode, done.stderr), (status, f"corun: {program}: {message}\n"))

    def test_a_program_that_stays_native_is_named_and_run(self):
        program = self.compile("static", "int main(void) { return 7; }", "-static")
        done = self.corun(program)
        self.assertEqual(done.returncode, 7)
        self.assertRegex(done.stderr, "^corun: .*/static: statically linked: .*; its threads stay native\n$")
        for quiet in ({"CORO_LOG": "off"}, {"CORO_LOG": "error"}):
            self.assertEqual(self.corun(program, variables=quiet).stderr, "")
        self.assertEqual(self.corun("--log=error", program).stderr, "")

    def test_version(self):
        done = self.corun("--version")
        self.assertRegex(done.stdout, r"^corun \(coroshim\) \d+\.\d+\.\d+\n$")
        self.assertEqual(done.returncode, 0)

    def test_help_names_every_option_and_variable(self):
        text = self.corun("--help").stdout
        for variable in ("SELFISHNESS", "SLICE", "LATENCY_WARNING", "FOLLOW", "CONTROL", "LOG", "LOG_FILE"):
            self.assertRegex(text, rf"\n  CORO_{variable}=")
            self.assertRegex(text, rf"\n      --{variable.lower().replace('_', '-')}[=, ]")
        self.assertRegex(text, r"\n  CORO=")
        self.assertRegex(text, r"\n  CORO_LIB=")
        self.assertIn("20us..10s or 0; default 10ms", re.sub(r"\s+", " ", text))
        self.assertLess(max(map(len, text.splitlines())), 80)

    def test_the_manual_page_names_every_option(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "man/corun.1").read_text().replace("\\-", "-")
        options = set(re.findall(r"--[a-z-]+", self.corun("--help").stdout))
        named = set(re.findall(r"--[a-z-]+", page))
        self.assertEqual(options - named, set())
