"""coroctl profile around a program whose costs are known."""

import json
import re
import shutil
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from place import Shimmed

PROGRAM = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile unsigned long turns;

static void __attribute__((noinline)) spin(int count)
{
    for (int i = 0; i < count * 1000; i++)
        turns++;
}

static void __attribute__((noinline)) rarely(void) { spin(100); turns++; }
static void __attribute__((noinline)) often(void) { spin(300); turns++; }

static void __attribute__((noinline)) recursive(int depth)
{
    if (depth)
        recursive(depth - 1);
    else
        often();
    turns++;
}

static void *busy(void *unused)
{
    for (;;) {
        rarely();
        recursive(3);
    }
    return unused;
}

static void *sleeper(void *unused)
{
    sleep(1000);
    return unused;
}

int main(int argc, char *argv[])
{
    pthread_t thread;
    char byte;

    for (char *what = argc > 1 ? argv[1] : ""; *what; what++)
        pthread_create(&thread, NULL, *what == 's' ? busy : sleeper, NULL);
    usleep(100000);
    puts("ready");
    fflush(stdout);
    read(0, &byte, 1);
    _exit(0);
}
"""

SVG = "{http://www.w3.org/2000/svg}"

# Does what a user would, and leaves what is to be seen then in the document.
SCRIPTED = """<script>(function () {
    const at = (name) => [...document.querySelectorAll("g[data-n]")].find((g) =>
        g.querySelector("title").textContent.startsWith(name + ":"));
    const widths = () => ["busy", "often", "rarely"].map((name) =>
        at(name).style.display === "none" ? 0 : Math.round(at(name).querySelector("rect").getAttribute("width")));
    const search = (text) => {
        document.getElementById("search").value = text;
        document.getElementById("search").dispatchEvent(new Event("input"));
        return document.getElementById("matched").textContent;
    };
    const click = (element) => element.dispatchEvent(new Event("click"));
    const seen = { before: widths() };
    click(at("often"));
    seen.zoomed = widths();
    click(document.getElementById("reset"));
    seen.after = widths();
    seen.all = search("busy|often");
    seen.some = search("OFTEN");
    seen.colours = ["busy", "often"].map((name) => at(name).querySelector("rect").getAttribute("fill"));
    seen.bad = search("often(");
    seen.none = search("");
    document.documentElement.setAttribute("data-seen", JSON.stringify(seen));
})()</script></svg>"""


class Profile(Shimmed):
    def setUp(self):
        super().setUp()
        self.program = self.compile("costs", PROGRAM, "-g", "-O1", "-pthread", "-fno-optimize-sibling-calls", "-w")

    def profile(self, process, *arguments, seconds=0.5):
        done = self.run_tool("coroctl", "profile", "-p", process.pid, "--time", seconds, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def written(self, process, name, *arguments, seconds=0.5):
        path = self.runtime / name
        said = self.profile(process, "-o", path, *arguments, seconds=seconds)
        self.assertRegex(said, rf"^{path}: \d+ samples in \d+ looks")
        return path.read_text()

    @staticmethod
    def rows(text):
        """{function: (self, total)} of a report."""
        found = re.findall(r"(?m)^ *([\d.]+) % +([\d.]+) %  (.+)$", text)
        return {name: (float(own), float(total)) for own, total, name in found}

    def test_where_cpu_time_goes(self):
        process = self.start(self.program, "zs")
        folded = self.written(process, "cpu.folded")
        counts = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in folded.splitlines()}
        busiest = max(counts, key=counts.get)
        self.assertRegex(busiest, "^costs;.*;start_thread;busy;.*;spin$")
        drawing = xml.etree.ElementTree.fromstring(
            self.written(process, "change.svg", "--diff", self.runtime / "cpu.folded")
        )
        titles = [title.text for title in drawing.iter(SVG + "title")]
        self.assertTrue(any(re.match(r"spin: \d+ samples, .* points$", title) for title in titles), titles)

    def test_where_threads_wait(self):
        process = self.start(self.program, "zz")
        folded = self.written(process, "wait.folded", "--off-cpu")
        self.assertRegex(folded, r"(?m)^costs;.*;sleeper;sleep;\[sleep\] \d+$")
        self.assertRegex(folded, r"(?m)^costs;.*;main;read;\[read\] \d+$")
        text = self.profile(process, "--off-cpu")
        rows = self.rows(text)
        self.assertAlmostEqual(rows["<wait> sleep"][0] + rows["<wait> read"][0], 100, delta=0.1)
        self.assertEqual(rows["sleeper"], (0, rows["<wait> sleep"][1]))
        self.assertRegex(text, r"(?s)\n<wait> read\n  called by\n +[\d.]+ %  read\n")

    def test_the_report(self):
        process = self.start(self.program, "s")
        text = self.written(process, "costs.txt", seconds=2)
        rows = self.rows(text)
        order = [own for own, _ in rows.values()]
        self.assertEqual(order, sorted(order, reverse=True))
        self.assertLessEqual(sum(order), 100.5)
        self.assertEqual(next(iter(rows)), "spin")
        # Recursion counts once; a caller's total has what it calls.
        self.assertLessEqual(rows["recursive"][1], 100)
        self.assertGreaterEqual(rows["recursive"][1], rows["often"][1])
        self.assertGreater(rows["often"][1], rows["rarely"][1])
        self.assertGreaterEqual(rows["busy"][1] + 0.02, rows["recursive"][1])
        self.assertNotIn("costs", rows)  # the thread's name
        callers = re.search(r"(?s)\nspin\n  called by\n(.*?)\n\n", text + "\n\n").group(1)
        self.assertRegex(callers, r"^ +[\d.]+ %  often\n +[\d.]+ %  rarely")

    def test_idle_is_a_row(self):
        rows = self.rows(self.profile(self.start(self.program, "z")))
        self.assertEqual(rows, {"<wait>": (100, 100)})

    def test_the_report_as_json(self):
        document = json.loads(self.profile(self.start(self.program, "s"), "--json"))
        self.assertIsNone(document["output"])
        self.assertEqual(document["functions"][0]["function"], "spin")
        self.assertEqual(sum(row["self"] for row in document["functions"]), document["samples"])
        self.assertEqual(document["samples"] + document["idle"], document["looks"])

    def test_a_picture_without_script(self):
        drawing = xml.etree.ElementTree.fromstring(self.written(self.start(self.program, "s"), "cpu.svg"))
        labels = {text.text for text in drawing.iter(SVG + "text")}
        self.assertTrue({"busy", "start_thread"} <= labels, labels)
        for group in drawing.iter(SVG + "g"):
            self.assertLessEqual(int(group.get("data-x")) + int(group.get("data-n")), int(drawing.get("data-samples")))

    @unittest.skipUnless(shutil.which("chromium"), "chromium is not installed")
    def test_zoom_and_search(self):
        text = self.written(self.start(self.program, "s"), "cpu.svg", seconds=2)
        path = self.runtime / "clicked.svg"
        path.write_text(text.replace("</svg>", SCRIPTED))
        with tempfile.TemporaryDirectory() as profile:
            shown = subprocess.run(
                ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync",
                 f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
                capture_output=True, text=True, timeout=300, check=True).stdout
        seen = re.search(r'data-seen="([^"]*)"', shown)
        self.assertTrue(seen, shown[-2000:])
        seen = json.loads(seen.group(1).replace("&quot;", '"'))
        whole = seen["before"][0]
        self.assertGreater(whole, 500)
        self.assertLess(seen["before"][1], whole)
        self.assertEqual(seen["zoomed"], [1184, 1184, 0])
        for before, after in zip(seen["before"], seen["after"]):
            self.assertAlmostEqual(after, before, delta=1)  # written with two digits, then rounded
        share = lambda text: float(re.fullmatch(r"matched: ([\d.]+) %", text).group(1))
        self.assertAlmostEqual(share(seen["all"]), whole / 11.84, delta=0.5)
        self.assertAlmostEqual(share(seen["some"]), seen["before"][1] / 11.84, delta=0.5)
        self.assertNotEqual(seen["colours"][0], seen["colours"][1])
        self.assertEqual(seen["colours"][1], "rgb(225,60,225)")
        self.assertEqual((seen["bad"], seen["none"]), ("matched: 0.00 %", ""))

    def test_profiles_that_cannot_be(self):
        process = self.start(self.program, "z")
        for arguments, status, message in (
            (["-o", self.runtime / "x.svg", "--diff", self.runtime / "none"], 1, ".*No such file or directory"),
            (["-o", self.runtime / "none/x.svg", "--time", "0.1"], 1, ".*No such file or directory"),
            (["-o", "x", "--time", "soon"], 2, "profile: 'soon' is not a time from 0.01s to 86400s, such as 5, 5s or 500ms"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_tool("coroctl", "profile", "-p", process.pid, *arguments)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertRegex(done.stderr, f"^coroctl:? {message}\n")
