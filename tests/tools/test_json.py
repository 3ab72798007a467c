"""Every command's --json against the published schema, every command's --plain, and every exit status."""

import json
import pathlib
import re
import shutil
import signal

from place import ROOT, Shimmed

try:
    import jsonschema
except ImportError:
    jsonschema = None

PROGRAM = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;

static void ignore(int number)
{
    (void)number;
}

static void *sleeper(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void *parent(void *argument)
{
    pthread_t thread;

    pthread_setname_np(pthread_self(), "parent\xff");
    pthread_create(&thread, NULL, sleeper, NULL);
    pthread_setname_np(thread, "child");
    return sleeper(argument);
}

static void *spinner(void *argument)
{
    for (;;)
        ;
    return argument;
}

static void *crosses(void *argument)
{
    pthread_mutex_lock(argument ? &one : &other);
    usleep(100000);
    pthread_mutex_lock(argument ? &other : &one);
    return argument;
}

int main(int argc, char *argv[])
{
    pthread_t threads[5];
    char byte;

    signal(SIGUSR1, ignore);
    pthread_create(&threads[0], NULL, parent, NULL);
    usleep(50000);
    pthread_create(&threads[1], NULL, sleeper, NULL);
    if (argc > 1) {
        pthread_create(&threads[2], NULL, spinner, NULL);
        pthread_create(&threads[3], NULL, crosses, NULL);
        pthread_create(&threads[4], NULL, crosses, argv);
    }
    usleep(300000);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""

# Every command with a document, and how it ends. Each is asked for JSON and for columns.
COMMANDS = [
    (["list"], 0),
    (["where"], 0),
    (["where", "--group"], 0),
    (["deadlock"], 6),
    (["stat"], 0),
    (["stat", "-i", "0.05", "-n", "2"], 0),
    (["top", "-i", "0.05", "-n", "2"], 0),
    (["profile", "--time", "0.2", "-o", "out.folded"], 0),
    (["profile", "--time", "0.2", "--off-cpu"], 0),
    (["trace", "--time", "0.2", "-o", "out.json"], 0),
    (["latency"], 0),
    (["get"], 0),
    (["get", "-t", "2"], 0),
    (["set", "slice=5ms"], 0),
    (["set", "-t", "2", "selfishness=7"], 0),
    (["kill", "3", "USR1"], 0),
    (["call", "getpid()"], 0),
    (["call", "double sqrt(2.0)"], 0),
    (["call", "close(-1)"], 0),
    (["call", "void *malloc(1)"], 0),
    (["call", "char *getenv(\"NOSUCH\")"], 0),
    (["doctor"], 0),
    (["cancel", "4"], 0),
]


def strict(schema):
    """The same schema, with no members but those it names."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema:
        result.setdefault("additionalProperties", False)
    return result


class Outputs(Shimmed):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o777)

    def begin(self, *arguments):
        return self.start(self.compile("told", PROGRAM, "-pthread", "-Wl,--no-as-needed", "-lm"), *arguments, options=["--call"])

    def ask(self, *arguments, status=0):
        done = self.run_tool("coroctl", *arguments)
        self.assertEqual((done.returncode, done.stderr), (status, ""), arguments)
        return done.stdout

    def visible_commands(self):
        text = self.run_tool("coroctl", "--help").stdout
        return set(re.findall(r"(?m)^  (\w+) +\S", text[text.index("Commands:"):])) - {"help"}

    def test_every_command_is_looked_at(self):
        self.assertEqual({arguments[0] for arguments, _ in COMMANDS}, self.visible_commands())

    def test_documents_are_as_the_schema_says(self):
        if jsonschema is None:
            self.skipTest("python3-jsonschema is not installed")
        path = pathlib.Path(__file__).resolve().parents[2] / "tools" / "coroctl" / "coroctl.schema.json"
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        self.assertEqual({part["$ref"].rpartition("/")[2] for part in schema["anyOf"]}, self.visible_commands())
        process = self.begin("busy")
        for arguments, status in COMMANDS:
            with self.subTest(arguments=arguments):
                text = self.ask(arguments[0], "--json", "-p", process.pid, *arguments[1:], status=status)
                documents = [json.loads(line) for line in text.splitlines()] if arguments[0] in ("stat", "top") \
                    else [json.loads(text)]
                self.assertEqual(len(documents), 2 if "-n" in arguments else 1)
                for document in documents:
                    jsonschema.Draft202012Validator(schema).validate(document)
                    jsonschema.Draft202012Validator(
                        strict({"$defs": schema["$defs"], **schema["$defs"][arguments[0]]})).validate(document)
                    self.assertEqual((document["schema"], document["pid"]), (1, process.pid))
        jsonschema.Draft202012Validator(
            strict({"$defs": schema["$defs"], **schema["$defs"]["doctor"]})).validate(json.loads(self.ask("doctor", "--json")))

    def test_columns_are_separated_by_tabs_under_a_heading(self):
        process = self.begin("busy")
        for arguments, status in COMMANDS:
            if "--group" in arguments:
                continue  # which has no rows of its own
            with self.subTest(arguments=arguments):
                text = self.ask(arguments[0], "--plain", "-p", process.pid, *arguments[1:], status=status)
                rows = [line.split("\t") for line in text.splitlines()]
                self.assertGreaterEqual(len(rows), 2)
                self.assertEqual({len(row) for row in rows}, {len(rows[0])}, text)
                self.assertEqual(rows[0], [name.upper() for name in rows[0]])
                self.assertNotIn("\x1b", text)

    def test_the_tree(self):
        process = self.begin()
        names = {thread["id"]: thread["name"] for thread in
                 json.loads(self.ask("list", "--json", "-p", process.pid))["threads"]}
        child = next(thread for thread, name in names.items() if name == "child")
        other = max(names)
        rows = self.ask("list", "--tree", "-p", process.pid).splitlines()[1:]
        ids = [int(row.split()[0]) for row in rows]
        self.assertEqual(ids, [1, 2, child, other])
        columns = [re.search(r"told|parent|child", row).start() for row in rows]
        self.assertEqual([column - columns[0] for column in columns], [0, 2, 4, 2])
        self.assertEqual(sorted(ids), [int(row.split()[0]) for row in
                                       self.ask("list", "-p", process.pid).splitlines()[1:]])

    def test_nothing_is_coloured(self):
        process = self.begin()
        for command in ("list", "where", "stat", "doctor"):
            self.assertNotIn("\x1b", self.ask(command, "-p", process.pid))

    def status(self, expected, *arguments, **options):
        done = self.run_tool("coroctl", *arguments, **options)
        self.assertEqual(done.returncode, expected, done.stderr)
        self.assertEqual(bool(done.stderr), expected not in (0, 6), done.stderr)

    def test_status_0_all_went_well(self):
        process = self.begin()
        self.status(0, "list")
        self.status(0, "list", "-p", process.pid)
        self.status(0, "list", "-p", "told")
        self.status(0, "deadlock")

    def test_status_1_no_answer_or_a_refusal(self):
        process = self.begin()
        for line in ("kill 99 USR1", "cancel 99", "where 99", "get -t 99", "set -t 99 selfishness=3"):
            self.status(1, *line.split())
        self.status(1, "call", "nosuch(1)")
        process.send_signal(signal.SIGSTOP)
        self.status(1, "stat")
        process.send_signal(signal.SIGCONT)

    def test_status_2_usage(self):
        self.begin()
        self.status(2, "nosuch")
        self.status(2)
        self.status(2, "list", "--nosuch")
        for line in ("list --json --plain", "list --tree --json", "list --core F -p 3", "list --exe x",
                     "where --group --plain", "where --exe x 1", "deadlock --core F -p told",
                     "stat --prometheus --json", "stat --prometheus --plain", "stat --prometheus -i 1",
                     "stat -n 5", "latency -n 5", "top -n 5", "profile -o x.folded --diff y",
                     "help list extra"):
            with self.subTest(line):
                self.status(2, *line.split())
        shutil.copy(self.folder / "told", self.folder / "other")
        self.start(self.folder / "other")
        self.status(2, "list")

    def test_status_3_no_such_process(self):
        self.status(3, "list")
        self.status(3, "list", "-p", "nosuch")
        self.status(3, "list", "-p", 2**22 + 1)

    def test_status_4_not_allowed(self):
        process = self.start(self.compile("told", PROGRAM, "-pthread"))
        self.status(4, "call", "getpid()")
        if ROOT:
            self.status(4, "list", "-p", process.pid, user=12345)

    def test_status_6_a_deadlock(self):
        self.begin("busy")
        self.status(6, "deadlock")
