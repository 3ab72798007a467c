"""coroctl call around a real threaded program."""

import json
import re

from place import Shimmed

PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USED __attribute__((used, noinline))

static char said[200] = "nothing";

USED static long static_sum(int a, long b, char c) { return a + b + c; }
USED double half(double value) { return value / 2; }
USED float narrow(float value) { return value * 1.5f; }
USED const char *greet(const char *name)
{
    snprintf(said, sizeof(said), "hello, %s", name);
    return said;
}
USED void nothing(void) { }
USED int fails(int number) { errno = number; return -1; }
USED unsigned char byte(unsigned value) { return (unsigned char)value; }
USED long ten(long a, long b, long c, long d, long e, long f, long g, double h, double i, short j)
{
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + (long)(h * 8 + i * 9) + j * 10;
}
USED int crash(void) { return *(volatile int *)8; }
USED int forever(void) { for (;;) pause(); }
USED int leaves(void) { pthread_exit(NULL); }
USED int blocks(void)
{
    sigset_t set;

    pthread_sigmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, SIGUSR1) * 10 + sigismember(&set, SIGUSR2);
}
USED struct { long a, b, c; } large(void) { abort(); }
USED void *null(void) { return NULL; }
USED int sums(int count, ...)
{
    va_list list;
    double sum = 0;

    va_start(list, count);
    while (count-- > 0)
        sum += va_arg(list, double);
    va_end(list);
    return (int)sum;
}
static __thread int private = 5;
USED int counts(void) { return private++; }

static void *sleeper(void *argument)
{
    for (;;)
        pause();
    return argument;
}

int main(void)
{
    sigset_t set;
    pthread_t thread;
    char byte;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, sleeper, NULL);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &byte, 1) - 1;
}
"""


class Call(Shimmed):
    def begin(self, *flags, call="on"):
        program = self.compile("called", PROGRAM, "-pthread", *flags)
        self.process = self.start(program, options=["--call"] if call == "on" else [])

    def ask(self, *arguments, status=0, message="", command="call"):
        done = self.run_tool("coroctl", command, "-p", self.process.pid, *arguments)
        self.assertRegex(done.stderr, f"^{message}$")
        self.assertEqual(done.returncode, status)
        return done.stdout

    def check(self, *cases):
        for call, answer in cases:
            with self.subTest(call=call):
                self.assertEqual(self.ask(*([call] if isinstance(call, str) else call)), answer)

    def test_with_debugging_information_types_are_known(self):
        self.begin("-g")
        self.check(
            ("static_sum(1, 2, 'c')", "102\n"),
            ("half(3)", "1.5\n"),
            ("narrow(2)", "3\n"),
            ('greet("\\tw\\x6frld")', '"hello, \\x09world"\n'),
            ("nothing()", ""),
            ("fails(2)", "-1\nerrno 2 (No such file or directory)\n"),
            ("byte(0x1ff)", "255\n"),
            ("ten(1,2,3,4,5,6,7,8.0,9,-10)", "185\n"),
            ("null()", "NULL\n"),
            ("sums(2, 1.5, 2.5)", "4\n"),
            ("sums(1, (float)1.5)", "1\n"),
            ("blocks()", "1\n"),
            ("counts()", "5\n"),
            ("counts()", "5\n"),
        )
        self.ask("half()", status=2, message="coroctl: half takes 1 arguments, not 0\n")
        self.ask('half("x")', status=2, message="coroctl: argument 1 of half must be double\n")
        for call, wrong in (
            ("fails(99999999999)", "argument 1 of fails is beyond int"),
            ("fails(4294967296)", "argument 1 of fails is beyond int"),
            ("fails(-2147483649)", "argument 1 of fails is beyond int"),
            ("static_sum(1, 2, 256)", "argument 3 of static_sum is beyond char"),
            ("static_sum(1, 2, -129)", "argument 3 of static_sum is beyond char"),
            ("byte(1e10)", "argument 1 of byte is beyond unsigned"),
            ("static_sum(1, 1e19, 0)", "argument 2 of static_sum is beyond long"),
            ("narrow(1e300)", "argument 1 of narrow is beyond float"),
            ("ten(1,2,3,4,5,6,7,8.0,9,70000)", "argument 10 of ten is beyond short"),
            ("static_sum(1, -9223372036854775809, 0)", "the number is too large at .*"),
        ):
            with self.subTest(call=call):
                self.ask(call, status=2, message=f"coroctl: {wrong}\n")
        self.check(
            ("byte(-1)", "255\n"),
            ("byte(0xffffffff)", "255\n"),
            ("fails(0xffffffff)", "-1\nerrno -1 (unknown)\n"),
            ("static_sum((int)4294967297, 0, 0)", "1\n"),
            ("static_sum(0, -9223372036854775808, 0)", "-9223372036854775808\n"),
        )
        self.ask("large()", status=2, message="coroctl: large returns neither number nor pointer: .*\n")

    def test_without_it_types_are_said(self):
        self.begin("-s", "-rdynamic")
        self.check(
            ("double half(3.0)", "1.5\n"),
            (["--returns", "double", "half((double)3)"], "1.5\n"),
            ("float narrow(2.0f)", "3\n"),
            ('char *greet("you")', '"hello, you"\n'),
            ("fails(0)", "-1\n"),
            ("long getpid()", f"{self.process.pid}\n"),
            ("libc.so.6:getpid()", f"{self.process.pid}\n"),
            ("libc:getpid()", f"{self.process.pid}\n"),
            ('size_t strlen("four")', "4\n"),
            ("labs(-12345678901)", "12345678901\n"),
        )
        self.assertRegex(self.ask("void *malloc(10)"), "^0x[0-9a-f]+\n$")
        self.ask("static_sum(1, 2, 3)", status=1,
                 message="coroctl: no function static_sum in the program and its libraries\n")
        self.ask("called:nosuch()", status=1, message="coroctl: no function nosuch in called\n")

    def test_a_function_of_libc_may_block_and_print(self):
        self.begin()
        self.check(("sleep(0)", "0\n"), ("usleep(1000)", "0\n"))
        self.ask('puts("from outside")')
        self.ask("fflush(NULL)")
        self.assertEqual(self.process.stdout.readline(), "from outside\n")

    def test_a_long_one_shows_how_long_it_takes(self):
        self.begin()
        done = self.run_on_terminal("coroctl", "call", "-p", self.process.pid, "--timeout", "30", "sleep(2)")
        self.assertEqual((done.returncode, done.stdout), (0, "0\n"))
        self.assertRegex(done.stderr, r"^(\rcalling: \d+ of 30 s\x1b\[K)+\r\x1b\[K$")

    def test_an_address_is_a_function_too(self):
        self.begin("-no-pie")
        import subprocess
        symbols = subprocess.run(["nm", self.folder / "called"], capture_output=True, text=True, check=True).stdout
        address = re.search(r"(\w+) T half", symbols).group(1).lstrip("0")
        self.check((f"double 0x{address}(5.0)", "2.5\n"))

    def test_outputs(self):
        self.begin("-g")
        self.assertRegex(self.ask("--plain", "fails(2)"), r"^TYPE\tVALUE\tERRNO\tTHREAD\nint\t-1\t2\t\d+\n$")
        document = json.loads(self.ask("--json", "half(1)"))
        self.assertEqual((document["value"], document["type"]), (0.5, "double"))
        document = json.loads(self.ask("--json", "fails(2)"))
        self.assertEqual((document["value"], document["errno"], document["errno_name"]), (-1, 2, "ENOENT"))
        self.assertNotIn("value", json.loads(self.ask("--json", "nothing()")))
        self.assertIsNone(json.loads(self.ask("--json", "null()"))["value"])

    def test_static_functions_of_one_name(self):
        self.write("one.c", "__attribute__((used)) static int twin(void) { return 1; } int one(void) { return twin(); }")
        self.write("two.c", "__attribute__((used)) static int twin(void) { return 2; } int two(void) { return twin(); }")
        self.begin(str(self.folder / "one.c"), "-xc", str(self.folder / "two.c"))
        answer = self.run_tool("coroctl", "call", "-p", self.process.pid, "twin()")
        self.assertEqual(answer.returncode, 2)
        addresses = re.findall(r"  called:twin  (0x[0-9a-f]+)\n", answer.stderr)
        self.assertEqual(len(addresses), 2, answer.stderr)
        self.assertEqual(sorted(self.ask(f"{address}()") for address in addresses), ["1\n", "2\n"])

    def test_one_that_does_not_return_goes_on(self):
        self.begin("-g")
        self.ask("--timeout", "0.3", "forever()", status=1,
                 message=rf"coroctl: forever has not returned within 0\.3 s: thread \d+ of process \d+ goes on\n")
        threads = json.loads(self.ask("--json", command="list"))["threads"]
        caller = [thread["id"] for thread in threads if thread["name"] == "coro-call"]
        self.assertEqual(len(caller), 1)
        self.ask(caller[0], command="cancel")
        self.check(("half(1)", "0.5\n"))
        for _ in range(20):  # more than there are places for
            self.ask("--timeout", "0.01", "forever()", status=1, message=".*\n")
        self.check(("half(1)", "0.5\n"))

    def test_one_that_ends_its_thread(self):
        self.begin("-g")
        self.ask("leaves()", status=1, message=r"coroctl: thread \d+ ended in leaves, without returning\n")

    def test_one_that_crashes_ends_the_program(self):
        self.begin("-g")
        self.ask("crash()", status=1, message=r"coroctl: process \d+ (has ended|hung up.*)\n")
        self.assertEqual(self.process.wait(30), -11)

    def test_it_is_off_unless_asked_for(self):
        self.begin(call="off")
        self.ask("getpid()", status=4, message=f"coroctl: process {self.process.pid} refuses: it was not started "
                                               r"with CORO_CALL=on \(corun --call\)\n")
        self.ask("call=on", command="set", status=1, message=".*CORO_CALL=on: cannot be changed while the program runs\n")

    def test_what_is_no_call(self):
        self.begin()
        for text, message in (
            ("getpid", r"expected FUNCTION\(ARGUMENTS\) at character 1 of 'getpid'"),
            ("(1)", r"expected the name of a function at .*"),
            ("f(", "expected a number, text in quotes, NULL, true or false at character 3 of .*"),
            ("f(1", r"expected ',' or '\)' at character 4 of .*"),
            ("f(1) g", "something follows the call at character 6 of .*"),
            ('f("x)', "a quote is missing at character 6 of .*"),
            ("f('xy')", "a quote is missing at .*"),
            (r'f("\q")', "no such escape at .*"),
            ("f((nosuch)1)", "no such type at .*"),
            ("nosuch f(1)", "no such type at character 1 of .*"),
            ("f(99999999999999999999999)", "the number is too large at .*"),
            ('f((double)"x")', "this cannot be converted to that type at .*"),
            ("f(" + "1," * 16 + "1)", "too many arguments at .*"),
            ('f("' + "x" * 3000 + '")', "too much text at .*"),
            ("x" * 600 + "()", "the function's name is too long at .*"),
        ):
            with self.subTest(text=text):
                self.ask(text, status=2, message=f"coroctl: {message}\n")
        self.ask(status=2, message="coroctl: call takes one argument: .*\n")
        self.ask("--returns", "nosuch", "f()", status=2, message="coroctl: 'nosuch' is no type that a call can return\n")
