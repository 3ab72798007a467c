"""coroctl where names the functions that gdb does: the short ones of the comparison where_gdb."""

import pathlib
import shutil
import subprocess
import unittest

import place

HERE = pathlib.Path(__file__).resolve().parent


class WhereAndGdb(unittest.TestCase):
    @unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
    def test_same_functions_in_the_same_order(self):
        done = subprocess.run([HERE / "where_gdb", "--quick", "--build", place.BUILD], capture_output=True, text=True,
                              timeout=900, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn(" 0 failed", done.stdout)
