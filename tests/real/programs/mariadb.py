"""MariaDB with 128 connections, a thread for each: sysbench's OLTP load, then transfers of money.

What must hold whatever the order of threads: no transfer creates or loses money, the ledger explains
every balance, and CHECK TABLE finds no fault. And with durable commits: writes to tables that fill the
small redo log again and again.
"""

import os
import re
import subprocess
import time

from harness.case import DEBIAN_PATH, Program
from harness.process import Failure, status_text

PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payload")
CONNECTIONS = 128
ACCOUNTS = 200
OPENING_BALANCE = 1000
TABLES = 4
ROWS = 1000
DURABLE_ROWS = 20000  # enough pages for the log to be full before they are written
DATABASE_OPTIONS = ["--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"]


def install(folder):
    argv = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--auth-root-authentication-method=normal"]
    argv += ["--skip-test-db", *DATABASE_OPTIONS] + (["--user=root"] if os.getuid() == 0 else [])
    done = subprocess.run(argv, env={"PATH": DEBIAN_PATH}, capture_output=True, text=True, timeout=50, check=False)
    if done.returncode != 0:
        raise Failure(f"mariadb-install-db failed: {done.stdout[-300:]} {done.stderr[-300:]}")


class Client:
    """The mariadb command over the server's socket."""

    def __init__(self, socket_path):
        self.socket_path = socket_path

    def ask(self, text, database="bank"):
        argv = ["mariadb", "--no-defaults", f"--socket={self.socket_path}", "--user=root", "--batch"]
        argv += ["--skip-column-names", database]
        env = {"PATH": DEBIAN_PATH}
        done = subprocess.run(argv, env=env, input=text, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise Failure(f"mariadb failed: {done.stderr.strip()}")
        return [row.split("\t") for row in done.stdout.splitlines()]

    def ask_number(self, text):
        return int(self.ask(text)[0][0])


def wait_ready(case, server, client):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        server.check_alive()
        if os.path.exists(client.socket_path):
            try:
                client.ask("SELECT 1", "mysql")
                return
            except Failure as failure:
                last = failure
        time.sleep(0.1)
    case.check(False, f"mariadbd is not ready after 30 s: {last if os.path.exists(client.socket_path) else 'no socket'}")


def open_bank(client):
    client.ask("CREATE DATABASE bank", "mysql")
    client.ask(
        "CREATE TABLE account (id INT PRIMARY KEY, balance INT NOT NULL) ENGINE=InnoDB;"
        "CREATE TABLE ledger (id BIGINT AUTO_INCREMENT PRIMARY KEY, giver INT, taker INT, amount INT) ENGINE=InnoDB;"
        f"INSERT INTO account SELECT seq, {OPENING_BALANCE} FROM seq_1_to_{ACCOUNTS};"
    )


def sysbench(case, script, client, words, name):
    argv = ["sysbench", script, "--db-driver=mysql", f"--mysql-socket={client.socket_path}", "--mysql-user=root"]
    argv += ["--mysql-db=bank", *words]
    return case.start(argv, name, tested=False)


def finish(case, load, seconds):
    status = load.wait(seconds)
    case.check(status == 0, f"{load.name} ended with {status_text(status)}: {load.out()[-300:]} {load.tail()}")
    text = load.out()
    found = re.search(r"transactions:\s+(\d+)\s+\(([\d.]+) per sec", text) or re.search(r"events.*?:\s+(\d+)()", text)
    case.check(found and int(found.group(1)) > 0, f"{load.name} completed no transaction")
    return found


def watched(case, server, load, seconds):
    deadline = time.monotonic() + seconds
    over = lambda: load.poll() is not None or server.poll() is not None or time.monotonic() > deadline
    case.watch(lambda: [server.pid], CONNECTIONS, over)
    server.check_alive()
    return finish(case, load, 1)


def check_bank(case, client):
    total = client.ask_number("SELECT SUM(balance) FROM account")
    case.check(total == ACCOUNTS * OPENING_BALANCE, f"the balances add up to {total}, not {ACCOUNTS * OPENING_BALANCE}")
    case.check(client.ask_number("SELECT MIN(balance) FROM account") >= 0, "an account is overdrawn")
    unexplained = client.ask_number(
        f"SELECT COUNT(*) FROM account a WHERE balance <> {OPENING_BALANCE}"
        " + (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE taker = a.id)"
        " - (SELECT COALESCE(SUM(amount), 0) FROM ledger WHERE giver = a.id)"
    )
    case.check(unexplained == 0, f"the ledger does not explain {unexplained} balances")
    case.check(client.ask_number("SELECT COUNT(*) FROM ledger") > 0, "no transfer was made")


def check_tables(case, client, others, rows):
    names = others + [f"sbtest{index + 1}" for index in range(TABLES)]
    client.ask("SET GLOBAL innodb_max_purge_lag_wait = 0")  # what is deleted and half purged is worth a warning
    for row in client.ask(f"CHECK TABLE {', '.join(names)} EXTENDED"):
        case.check(row[-1] == "OK", f"CHECK TABLE: {' '.join(row)}")
    for index in range(TABLES):
        there = client.ask_number(f"SELECT COUNT(*) FROM sbtest{index + 1}")
        case.check(there == rows, f"sbtest{index + 1} has {there} rows, not {rows}")


def start_server(case, flush):
    data = case.shared("mariadb-data", install)
    socket_path = case.path("mariadb.sock")
    port = case.free_port()
    argv = ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={socket_path}", f"--port={port}"]
    argv += ["--bind-address=127.0.0.1", f"--max-connections={CONNECTIONS + 20}", f"--innodb-flush-log-at-trx-commit={flush}"]
    argv += DATABASE_OPTIONS + (["--user=root"] if os.getuid() == 0 else [])
    server = case.start(argv)
    client = Client(socket_path)
    wait_ready(case, server, client)
    open_bank(client)
    return server, client


def run_oltp(case, server, client, script, rows, seconds):
    sizes = [f"--tables={TABLES}", f"--table-size={rows}"]
    finish_prepare = sysbench(case, script, client, [*sizes, "prepare"], "prepare").wait(40)
    case.check(finish_prepare == 0, "sysbench could not prepare its tables")
    clients = [f"--threads={CONNECTIONS}", f"--time={seconds}"]
    load = sysbench(case, script, client, [*sizes, *clients, "run"], "oltp")
    figure = watched(case, server, load, 40)
    case.figure(float(figure.group(2)), "transactions/s")


def run_durable(case):
    server, client = start_server(case, 1)
    run_oltp(case, server, client, "oltp_write_only", DURABLE_ROWS, case.pick(8, 5))
    check_tables(case, client, [], DURABLE_ROWS)
    case.ended(server.stop(30))


def run(case):
    server, client = start_server(case, 2)
    run_oltp(case, server, client, "oltp_read_write", ROWS, case.pick(5, 2))
    script = os.path.join(PAYLOAD, "transfer.lua")
    words = [f"--accounts={ACCOUNTS}", f"--threads={CONNECTIONS}", f"--time={case.pick(3, 1)}", "run"]
    watched(case, server, sysbench(case, script, client, words, "transfer"), 40)
    check_bank(case, client)
    check_tables(case, client, ["account", "ledger"], ROWS)
    case.ended(server.stop(30))


NEEDS = (
    ("mariadbd", "mariadb-server-core"),
    ("mariadb-install-db", "mariadb-server-core"),
    ("mariadb", "mariadb-client-core"),
    ("sysbench", "sysbench"),
)
PROGRAMS = [Program("mariadb", run, NEEDS), Program("mariadb-durable", run_durable, NEEDS)]
