"""pgbench, PostgreSQL's threaded client: 8 threads drive 32 connections to a server outside of the shim.

What its transactions did must agree: no tellers', branches' or accounts' sum may differ from the history's.
"""

import os
import re
import subprocess

from harness.case import Program
from harness.process import Failure

BIN = "/usr/lib/postgresql/15/bin"
PGBENCH = f"{BIN}/pgbench"
THREADS = 8
CONNECTIONS = 32
OPTIONS = ["-F", "-c", "fsync=off", "-c", "listen_addresses=", "-c", "shared_buffers=32MB"]


def as_user(argv):
    """The server refuses to be root's."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *argv] if os.getuid() == 0 else argv


def environment(case):
    return {"PATH": f"{BIN}:/usr/bin:/bin", "PGHOST": case.path("data"), "PGUSER": "bench", "PGDATABASE": "postgres"}


def call(case, argv):
    done = subprocess.run(argv, env=environment(case), capture_output=True, text=True, timeout=50, check=False)
    if done.returncode != 0:
        raise Failure(f"{os.path.basename(argv[0])} failed: {done.stderr[-300:]}")
    return done.stdout.strip()


def start_server(case):
    data = case.path("data")
    os.mkdir(data, 0o700)
    if os.getuid() == 0:
        subprocess.run(["chown", "postgres:postgres", data], check=True)
    call(case, as_user([f"{BIN}/initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync", "--locale=C"]))
    server = case.start(as_user([f"{BIN}/postgres", "-D", data, "-k", data, *OPTIONS]), "postgres", tested=False)
    return server


def wait_ready(case, server):
    def ready():
        server.check_alive()
        argv = [f"{BIN}/pg_isready", "-q"]
        return subprocess.run(argv, env=environment(case), timeout=10, check=False).returncode == 0

    case.wait_until(ready, 20, "PostgreSQL is not ready")


def check_books(case, transactions):
    sums = ["(SELECT sum(delta) FROM pgbench_history)", "(SELECT count(*) FROM pgbench_history)"]
    sums += [f"(SELECT sum({name[0]}balance) FROM pgbench_{name}s)" for name in ("account", "teller")]
    sums.append("(SELECT sum(bbalance) FROM pgbench_branches)")
    history, count, *balances = call(case, [f"{BIN}/psql", "-AtF ", "-c", f"SELECT {', '.join(sums)}"]).split()
    case.check(balances == [history] * 3, f"the history has {history}, the balances {balances}")
    case.check(int(count) == transactions, f"{count} transactions in the history, {transactions} reported")


def run(case):
    server = start_server(case)
    wait_ready(case, server)
    call(case, [PGBENCH, "-i", "-q", "-s", "2"])
    argv = [PGBENCH, "-n", "-h", case.path("data"), "-U", "bench", "-c", str(CONNECTIONS), "-j", str(THREADS)]
    program, _ = case.time_program(argv + ["-T", case.pick("4", "2"), "postgres"], THREADS, 40)
    text = program.out()
    found = re.search(r"actually processed: (\d+).*failed transactions: 0 .*tps = ([\d.]+)", text, re.DOTALL)
    case.check(found, f"pgbench printed {text[-300:]}")
    check_books(case, int(found.group(1)))
    case.figure(float(found.group(2)), "transactions/s")
    case.check(server.stop(signum=2) == 0, f"PostgreSQL did not end well: {server.tail()}")


PROGRAMS = [Program("pgbench", run, ((PGBENCH, "postgresql-15"), (f"{BIN}/postgres", "postgresql-15")))]
