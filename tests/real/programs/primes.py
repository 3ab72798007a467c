"""primesieve with 8 threads: how many primes there are is known."""

from harness.case import Program

KNOWN = {"1e9": 50847534, "1e10": 455052511}


def run(case):
    below = case.pick("1e10", "1e9")
    process, took = case.time_program(["primesieve", below, "-t8", "-q", "-s16"], 2, 50)
    case.check(process.out().strip() == str(KNOWN[below]), f"below {below}: {process.out()[:80]!r}")
    case.figure(took, "s", higher_is_better=False)


PROGRAMS = [Program("primesieve", run, (("primesieve", "primesieve"),))]
