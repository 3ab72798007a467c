"""A folder of its own for a test, and how it starts programs there.

As root, programs run as user `nobody`: then coroctl sees no other process of the machine, and the
refusals that only other users meet can be tested, too.
"""

import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path("build")
ROOT = os.geteuid() == 0
NOBODY = 65534


class Place(unittest.TestCase):
    """Copies of the tools in a temporary folder, with an XDG_RUNTIME_DIR."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="coroshim-tools-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.folder.chmod(0o755)
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir(mode=0o700)
        if ROOT:
            os.chown(self.runtime, NOBODY, NOBODY)
        self.user = NOBODY if ROOT else None
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CORO")}
        self.environment.pop("LD_PRELOAD", None)
        self.environment["XDG_RUNTIME_DIR"] = str(self.runtime)
        self.environment["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        self.environment["LC_ALL"] = "C.UTF-8"

    def copy(self, path):
        """The copy of a built file, which any user may execute."""
        copy = self.folder / pathlib.Path(path).name
        if not copy.exists():
            shutil.copy(BUILD / path, copy)
            copy.chmod(0o755)
        return copy

    def run_tool(self, tool, *arguments, variables=None, user=None, **options):
        """Runs a copied tool to its end; the result has returncode, stdout and stderr as text."""
        return subprocess.run(
            [self.copy(tool), *map(str, arguments)],
            env={**self.environment, **(variables or {})},
            user=self.user if user is None else user,
            cwd=options.pop("cwd", self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **options,
        )

    def run_on_terminal(self, tool, *arguments):
        """The same with a terminal as standard error; the result's stderr is what was shown there."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [self.copy(tool), *map(str, arguments)], env=self.environment, user=self.user, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave, text=True,
        )
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 4096):
                shown += part
        except OSError:  # the other end is closed
            pass
        os.close(master)
        stdout = process.communicate(timeout=60)[0]
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, shown.decode())

    def compile(self, name, source, *flags):
        """A small program; returns its path."""
        path = self.folder / name
        subprocess.run(
            [os.environ.get("CC", "cc"), "-xc", "-", "-o", path, *flags], input=source, text=True, check=True
        )
        path.chmod(0o755)
        return path

    def write(self, name, content, mode=0o755):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path


class Shimmed(Place):
    """A place with the real library, and programs that run under it."""

    def setUp(self):
        super().setUp()
        if not (BUILD / "libcoroshim.so").exists():
            self.skipTest("libcoroshim.so is not built")
        self.copy("libcoroshim.so")

    def start(self, program, *arguments, options=(), ready=True):
        """Starts a program that says "ready" when it is, if it gets there; ends it with the test."""
        process = subprocess.Popen(
            [self.copy("corun"), *options, "--", program, *arguments],
            env=self.environment,
            user=self.user,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        if ready:
            self.assertEqual(process.stdout.readline(), "ready\n")
        return process
