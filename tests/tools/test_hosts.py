"""Programs that are special hosts: what makes the shim step aside, what it lives beside, and calls from
code that cannot be rewritten."""

import shutil
import subprocess
import unittest

from place import Shimmed

THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count;

static void *counts(void *unused)
{
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        count++;
        pthread_mutex_unlock(&lock);
        if (i % 20 == 0)
            usleep(10);
    }
    return unused;
}

static int run_threads(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, counts, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", count);
    return 0;
}
"""

PLAIN = THREADS + r"""
int main(void)
{
    return run_threads();
}
"""

FILTERED = THREADS + r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

int main(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_create1, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 77;
    return run_threads();
}
"""

OWN_CLONE = THREADS + r"""
__asm__(".text\nmov $56, %eax\nsyscall\nret\n"); /* no unwind information: no known function */

int main(void)
{
    return run_threads();
}
"""

WRITES_GS = THREADS + r"""
__attribute__((used)) static void write_gs(void *base)
{
    __asm__ volatile("wrgsbase %0" : : "r"(base));
}

int main(void)
{
    return run_threads();
}
"""

LOADS_LATER = THREADS + r"""
#include <dlfcn.h>

int main(int argc, char **argv)
{
    (void)argc;
    return run_threads() || !dlopen(argv[1], RTLD_NOW) || run_threads();
}
"""

# A wait at a site that no table names, woken by libc's call: the two meet only if both are seen.
RAW_WAIT = r"""
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const unsigned char code[] = { 0x49, 0x89, 0xca, 0x48, 0x8b, 0x44, 0x24, 0x08, 0x0f, 0x05, 0xc3 };
static long (*call)(long, long, long, long, long, long, long);
static int word, waiting;

static void *waits(void *unused)
{
    __atomic_store_n(&waiting, 1, __ATOMIC_SEQ_CST);
    printf("%ld\n", call((long)&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0, SYS_futex));
    printf("%d\n", call(0, 0, 0, 0, 0, 0, SYS_gettid) == gettid());
    struct timespec pause = { 0, 30 * 1000 * 1000 };
    printf("%ld\n", call((long)&pause, 0, 0, 0, 0, 0, SYS_nanosleep));
    return unused;
}

int main(void)
{
    pthread_t thread;
    call = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy((void *)call, code, sizeof(code));
    pthread_create(&thread, NULL, waits, NULL);
    while (!__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) ||
           syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) != 1)
        usleep(1000);
    pthread_join(thread, NULL);
    return 0;
}
"""


class Hosts(Shimmed):
    def setUp(self):
        super().setUp()
        self.folder.chmod(0o777)

    def host(self, name, source, *flags):
        try:
            return self.compile(name, source, "-w", "-pthread", "-D_GNU_SOURCE", *flags)
        except subprocess.CalledProcessError:
            self.skipTest(f"cannot compile with {' '.join(flags)}")

    def test_an_own_seccomp_filter_stays_unhurt(self):
        done = self.run_tool("corun", "--", self.host("filtered", FILTERED))
        if done.returncode == 77:
            self.skipTest("no seccomp filters here")
        self.assertEqual((done.returncode, done.stdout), (0, "400\n"))
        self.assertEqual(done.stderr, "")
        done = self.run_tool("corun", "--log=info", "--", self.folder / "filtered")
        self.assertIn("running natively: it has a seccomp filter", done.stderr)

    def test_an_own_clone_stays_native(self):
        program = self.host("own_clone", OWN_CLONE)
        done = self.run_tool("corun", "--", program)
        self.assertEqual((done.returncode, done.stdout), (0, "400\n"))
        self.assertIn("running natively: it makes threads by instructions of its own", done.stderr)
        done = self.run_tool("corun", "--dispatch", "--", program)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "400\n", ""))

    def test_who_writes_gs_by_instruction_stays_native(self):
        done = self.run_tool("corun", "--", self.host("writes_gs", WRITES_GS))
        self.assertEqual((done.returncode, done.stdout), (0, "400\n"))
        self.assertIn("running natively: it uses the GS register by instructions of its own", done.stderr)

    def test_an_object_that_writes_gs_and_comes_later_is_named(self):
        library = self.host("writes_gs.so", WRITES_GS, "-shared", "-fPIC")
        done = self.run_tool("corun", "--", self.host("loads_later", LOADS_LATER), library)
        self.assertEqual((done.returncode, done.stdout), (0, "400\n800\n"))
        self.assertIn(f"{library} writes the GS register", done.stderr)

    def test_sanitizers(self):
        for name in ("address", "undefined", "leak"):
            done = self.run_tool("corun", "--", self.host(name, PLAIN, f"-fsanitize={name}"))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "400\n", ""), name)
        done = self.run_tool("corun", "--", self.host("thread", PLAIN, "-fsanitize=thread"))
        self.assertEqual((done.returncode, done.stdout), (0, "400\n"))
        self.assertIn("running natively: it is built with ThreadSanitizer", done.stderr)

    @unittest.skipUnless(shutil.which("valgrind"), "no valgrind here")
    def test_valgrind(self):
        program = self.host("plain", PLAIN)
        for tool in ("memcheck", "helgrind"):
            done = self.run_tool("corun", "--", "valgrind", f"--tool={tool}", "--error-exitcode=9", program)
            self.assertEqual((done.returncode, done.stdout), (0, "400\n"), f"{tool}: {done.stderr}")
            self.assertIn("running natively: it runs in Valgrind", done.stderr)
            self.assertIn("ERROR SUMMARY: 0 errors", done.stderr)

    def test_a_raw_wait_meets_a_wake_of_libcs_by_dispatch(self):
        done = self.run_tool("corun", "--dispatch", "--", self.host("raw_wait", RAW_WAIT))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "0\n1\n0\n", ""))
