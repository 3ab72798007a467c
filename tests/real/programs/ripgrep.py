"""ripgrep, a Rust program, with 8 threads over a tree of 2,000 files: its counts must be Python's own."""

import os
import random
import re

from harness.case import Program

THREADS = 8
FILES = 2000
PATTERN = r"\b[a-m]\w*ing (\w+ed|\w*q\w*)\b"
STEMS = ("go", "walk", "quit", "jump", "need", "zip", "ask", "box")
ENDINGS = ("ing", "ed", "s", "er", "")


def write_tree(folder, lines):
    """Returns how many lines of each file match."""
    chance = random.Random(3)
    words = [stem + ending for stem in STEMS for ending in ENDINGS]
    pattern = re.compile(PATTERN)
    choices = [" ".join(chance.choices(words, k=12)) for _ in range(500)]
    matching = {text: pattern.search(text) is not None for text in choices}
    counts = {}
    for index in range(FILES):
        parent = os.path.join(folder, f"d{index % 40}")
        os.makedirs(parent, exist_ok=True)
        path = os.path.join(parent, f"f{index}.txt")
        texts = chance.choices(choices, k=chance.randrange(lines))
        with open(path, "w", encoding="ascii") as file:
            file.writelines(text + "\n" for text in texts)
        counts[path] = sum(matching[text] for text in texts)
    return {path: count for path, count in counts.items() if count}


def run(case):
    tree = case.path("tree")
    wanted = write_tree(tree, case.pick(400, 200))
    argv = ["rg", f"--threads={THREADS}", "--no-config", "--count", PATTERN, tree]
    program, took = case.time_program(argv, THREADS, 40)
    found = {}
    for text in program.out().splitlines():
        path, _, count = text.rpartition(":")
        case.check(path not in found, f"{path} is reported twice")
        found[path] = int(count)
    case.check(found == wanted, f"{len(found.items() ^ wanted.items())} of {len(wanted)} counts differ")
    case.figure(took, "s", higher_is_better=False)


PROGRAMS = [Program("ripgrep", run, (("rg", "ripgrep"),))]
