"""What the shells' completions offer, which coroctl says itself: by its own words and by each shell."""

import re
import shutil
import subprocess
import unittest

import place
from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *sleeper(void *argument)
{
    pthread_setname_np(pthread_self(), "sleeper");
    for (;;)
        pause();
    return argument;
}

int main(void)
{
    pthread_t thread;
    char byte;

    pthread_create(&thread, NULL, sleeper, NULL);
    usleep(50000);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""


class Completions(Shimmed):
    def setUp(self):
        super().setUp()
        self.scripts = place.BUILD.parent / "tools" / "completions"
        if not self.scripts.exists():
            self.scripts = place.pathlib.Path(__file__).resolve().parents[2] / "tools" / "completions"
        self.environment["PATH"] = f"{self.folder}:{self.environment['PATH']}"
        self.copy("coroctl")

    def offers(self, *words):
        done = self.run_tool("coroctl", "complete", "--", *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    def commands(self):
        text = self.run_tool("coroctl", "--help").stdout
        return re.findall(r"(?m)^  (\w+) +\S", text[text.index("Commands:"):])

    def test_every_command_and_every_option(self):
        commands = self.commands()
        self.assertIn("list", commands)
        self.assertEqual(self.offers(""), commands)
        self.assertEqual(self.offers("help", ""), commands)
        self.assertEqual(self.offers("wh"), ["where"])
        for command in commands:
            if command == "help":
                continue
            usage = self.run_tool("coroctl", command, "--help").stdout
            options = set(re.findall(r"(?m)^ .{0,6}--([\w-]+)", usage)) - {"usage", "version", "help"}
            offered = {word.strip("-").rstrip("=") for word in self.offers(command, "--")} - {"help"}
            self.assertEqual(offered, options, command)

    def test_values(self):
        process = self.start(self.compile("completed", PROGRAM, "-pthread"))
        pid = str(process.pid)
        self.assertEqual(self.offers("list", "-p", ""), [pid, "completed"])
        self.assertEqual(self.offers("list", "--pid", "comp"), ["completed"])
        self.assertEqual(self.offers("list", "--pid=comp"), ["--pid=completed"])
        self.assertEqual(self.offers("where", ""), ["1", "2"])
        self.assertEqual(self.offers("where", "-p", pid, "1", ""), ["1", "2"])
        self.assertEqual(self.offers("where", "-p", "nosuch", ""), [])
        self.assertEqual(self.offers("kill", "2", "USR"), ["USR1", "USR2"])
        self.assertEqual(self.offers("kill", "2", "USR1", "U"), [])
        self.assertIn("slice=", self.offers("set", ""))
        self.assertEqual(self.offers("set", "control"), [])
        self.assertEqual(self.offers("get", "contr"), ["control"])
        self.assertEqual(self.offers("set", "-t", ""), ["1", "2"])
        self.assertEqual(self.offers("profile", "-o", ""), [":files"])
        self.assertEqual(self.offers("profile", "--output=x"), [":files"])
        self.assertEqual(self.offers("top", "--sort=s"), ["--sort=switches", "--sort=stack"])
        self.assertEqual(self.offers("nosuch", ""), [])

    def ask_shell(self, *arguments, status=0):
        done = subprocess.run(arguments, env=self.environment, user=self.user, cwd=self.folder, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return done.stdout.split()

    def in_bash(self, *words):
        """As if TAB were pressed behind the last of the words as bash splits them."""
        quoted = " ".join(f"'{word}'" for word in ("coroctl", *words))
        script = (self.scripts / "coroctl.bash").read_text()
        return self.ask_shell("bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}\n"
                                            '_coroctl\nprintf "%s\\n" "${COMPREPLY[@]}"')

    def test_bash(self):
        process = self.start(self.compile("completed", PROGRAM, "-pthread"))
        self.assertEqual(self.in_bash("wh"), ["where"])
        self.assertEqual(self.in_bash("where", "--pid", "=", "comp"), ["completed"])
        self.assertEqual(self.in_bash("where", "--pid", "=", "completed", ""), ["1", "2"])
        self.assertEqual(self.in_bash("set", "-p", str(process.pid), "slic"), ["slice="])
        self.assertEqual(self.in_bash("profile", "-o", "libcoro"), ["libcoroshim.so"])
        self.assertEqual(self.in_bash("nosuch", ""), [])

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh(self):
        self.start(self.compile("completed", PROGRAM, "-pthread"))
        script = self.write("_coroctl", (self.scripts / "coroctl.zsh").read_text())
        stand_ins = ('compadd() { local name=$@[-1]; print -rl -- ${(P)name} }; _files() { print files }; '
                     "compset() { }; ")
        for words, expected in ((("wh",), ["where"]), (("where", ""), ["1", "2"]), (("profile", "-o", ""), ["files"]),
                                (("nosuch", ""), [])):
            quoted = " ".join(f"'{word}'" for word in ("coroctl", *words))
            self.assertEqual(self.ask_shell("zsh", "-f", "-c", f"{stand_ins} words=({quoted}); CURRENT={len(words) + 1}; "
                                                               f"source {script}", status=not expected), expected, words)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        self.start(self.compile("completed", PROGRAM, "-pthread"))
        self.environment["HOME"] = str(self.runtime)
        script = self.write("coroctl.fish", (self.scripts / "coroctl.fish").read_text())
        for typed, expected in (("coroctl wh", "where"), ("coroctl where -p comp", "completed"),
                                ("coroctl profile -o libcoro", "libcoroshim.so"), ("coroctl nosuch ''", "")):
            words = self.ask_shell("fish", "-N", "-c", f'source {script}; complete -C "{typed}"')
            self.assertEqual(words[0] if words else "", expected, typed)
