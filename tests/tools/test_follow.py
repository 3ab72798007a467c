"""CORO_FOLLOW: whether programs that the program executes are under the shim too."""

import subprocess
import unittest

import place

SCRIPT = "grep -q libcoroshim /proc/$$/maps && echo here; grep -q libcoroshim /proc/self/maps && echo there; true"


class Follow(unittest.TestCase):
    def run_script(self, follow, others=""):
        preload = f"{place.BUILD}/libcoroshim.so{others}"
        environment = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": preload, "CORO_FOLLOW": follow}
        argv = ["sh", "-c", SCRIPT + '; echo "[$LD_PRELOAD]"']
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=True).stdout

    def setUp(self):
        if not (place.BUILD / "libcoroshim.so").exists():
            self.skipTest("the library is not built")

    def test_on_it_stays_in_the_environment(self):
        self.assertEqual(self.run_script("on"), f"here\nthere\n[{place.BUILD}/libcoroshim.so]\n")

    def test_off_it_leaves_the_environment_alone_of_all_preloaded(self):
        self.assertEqual(self.run_script("off"), "here\n[]\n")
        self.assertEqual(self.run_script("off", ":libm.so.6"), "here\n[libm.so.6]\n")
