"""Subprocesses from 32 threads at once: input, output, exit statuses, signals, shells and timeouts."""

import subprocess
import sys
import threading

THREADS = 32
ROUNDS = int(sys.argv[1])

failures = []
all_started = threading.Barrier(THREADS)


def check(truth, text):
    if not truth:
        failures.append(text)


def use(number):
    text = f"{number} " * 5000
    done = subprocess.run(["cat"], input=text, capture_output=True, text=True, timeout=60)
    check(done.stdout == text, f"cat returned {len(done.stdout)} of {len(text)} characters")
    done = subprocess.run(["sh", "-c", f"echo out; echo err >&2; exit {number}"], capture_output=True, timeout=60)
    check((done.returncode, done.stdout, done.stderr) == (number, b"out\n", b"err\n"), f"sh returned {done}")
    done = subprocess.run("kill -TERM $$", shell=True, timeout=60)
    check(done.returncode == -15, f"a killed shell returned {done.returncode}")
    try:
        subprocess.run(["sleep", "30"], timeout=0.05)
        check(False, "a timeout was missed")
    except subprocess.TimeoutExpired:
        pass


def work(number):
    try:
        all_started.wait()
        for _ in range(ROUNDS):
            use(number)
    except Exception as error:
        failures.append(f"thread {number}: {error!r}")


threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for failure in failures[:5]:
    print(failure, file=sys.stderr)
if failures:
    sys.exit(1)
print(f"ok {THREADS * ROUNDS * 4} subprocesses")
