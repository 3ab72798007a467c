"""Builds glibc's own tests against the installed libc, from Debian's glibc-source.

No libc is built: the tests' support library becomes a static archive, and each test is compiled alone
with the flags that its Makefile gives it. What needs glibc's internal headers or symbols does not
compile, and is listed as not built.
"""

import concurrent.futures
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

SOURCES = Path("/usr/src/glibc")

# Whole folders of thread tests, then folders of which only the tests that make threads are taken.
THREAD_FOLDERS = ["sysdeps/pthread", "nptl"]
OTHER_FOLDERS = [
    "malloc", "stdio-common", "libio", "signal", "posix", "rt", "io", "socket", "misc", "time",
    "stdlib", "dlfcn", "elf", "setjmp", "sysvipc", "debug", "resolv", "inet", "nss", "login",
    "termios", "locale", "string", "assert", "support",
    "sysdeps/unix/sysv/linux",
]  # fmt: skip
MAKES_THREADS = re.compile(r"pthread_create|thrd_create|SIGEV_THREAD\b|\baio_|getaddrinfo_a")

# Internal headers that the tests include and that stand alone.
HEADERS = [
    "include/array_length.h", "include/libc-diag.h", "include/libc-pointer-arith.h", "include/list.h",
    "include/list_t.h", "include/intprops.h", "include/idx.h", "include/inline-hashtab.h",
    "include/scratch_buffer.h", "include/allocate_once.h", "sysdeps/x86_64/stackinfo.h",
    "sysdeps/x86/tst-stack-align.h", "sysdeps/unix/sysv/linux/socket-constants-time64.h",
    "include/shlib-compat.h", "include/libc-symver.h",
    "include/dso_handle.h",
    "sysdeps/unix/sysv/linux/tst-skeleton-thread-affinity.c",
]  # fmt: skip
NEXT_HEADER = "sysdeps/generic/tst-stack-align.h"  # which the one of x86 includes as the next
OWN_HEADERS = {
    "config.h": "",
    "abi-versions.h": "",
    "sysdep.h": "",
    "atomic.h": "#define atomic_load_acquire(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)\n"
                "#define atomic_load_relaxed(at) __atomic_load_n(at, __ATOMIC_RELAXED)\n"
                "#define atomic_store_relaxed(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)\n",
}

FLAGS = ["-O2", "-g", "-D_GNU_SOURCE", "-D_ISOMAC", "-DMODULE_NAME=testsuite", "-DTIMEOUTFACTOR=1",
         "-Dlibc_hidden_proto(x)=", "-DPTHREAD_IN_LIBC=1", "-include", "limits.h", "-w"]  # fmt: skip
LIBRARIES = ["-lpthread", "-lrt", "-ldl", "-lm", "-lanl", "-lresolv", "-lutil"]


def unpack(build):
    """The unpacked tree; installs the package if need be."""
    found = sorted(build.glob("glibc-*/support"))
    if found:
        return found[0].parent
    if not list(SOURCES.glob("glibc-*.tar.xz")):
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", "glibc-source"],
                       check=True)  # fmt: skip
    build.mkdir(parents=True, exist_ok=True)
    with tarfile.open(next(SOURCES.glob("glibc-*.tar.xz"))) as archive:
        archive.extractall(build)
    return next(build.glob("glibc-*/support")).parent


class Builder:
    def __init__(self, source, build):
        self.source = source
        self.bin = build / "bin"
        self.objects = build / "support"
        self.headers = build / "include"
        self.archive = build / "libsupport.a"
        self.flags_of = {}
        self.libraries_of = {}
        for folder in [self.bin, self.objects, self.headers]:
            folder.mkdir(parents=True, exist_ok=True)
        for name in HEADERS:
            link = self.headers / Path(name).name
            if not link.is_symlink():
                link.symlink_to(source / name)
        for name, text in OWN_HEADERS.items():
            (self.headers / name).write_text(text)
        (self.headers / "next").mkdir(exist_ok=True)
        shutil.copy(source / NEXT_HEADER, self.headers / "next")

    def includes(self, folder):
        support = self.source / "support"
        return [f"-I{folder}", f"-I{support}", f"-I{self.headers}",
                f"-I{self.headers}/next", f"-idirafter{self.source}",
                f"-idirafter{self.source}/sysdeps/pthread", f"-idirafter{self.source}/nptl"]  # fmt: skip

    def compile(self, output, path, *more):
        """None, or what the compiler said."""
        tool = ["g++"] if path.suffix == ".cc" else ["gcc", "-std=gnu11"]
        command = [*tool, *FLAGS, *self.includes(path.parent), "-o", output, path, *more]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        return done.stderr if done.returncode else None

    def support(self):
        if self.archive.exists():
            return
        folder = self.source / "support"
        text = (folder / "Makefile").read_text()
        names = re.search(r"^libsupport-routines = (.*?)\n\n", text, re.S | re.M).group(1)
        names = names.replace("\\", " ").split()
        paths = {"SRCDIR": self.source, "OBJDIR": self.bin, "INSTDIR": "/usr", "LIBDIR": "/usr/lib",
                 "BINDIR": "/usr/bin", "SBINDIR": "/usr/sbin", "SLIBDIR": "/lib", "SYSLIBDIR": "/lib",
                 "ROOTSBINDIR": "/sbin",
                 "COMPLOCALEDIR": "/usr/lib/locale", "SYSCONFDIR": "/etc",
                 "OBJDIR_ELF_LDSO": "/lib64/ld-linux-x86-64.so.2"}  # fmt: skip
        defines = [f'-D{name}_PATH="{path}"' for name, path in paths.items()]

        def one(name):
            return self.compile(self.objects / f"{name}.o", folder / f"{name}.c", "-c", "-fPIC", "-fexceptions",
                                *defines)  # fmt: skip

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, error in zip(names, pool.map(one, names)):
                if error:
                    print(f"support/{name}.c is left out: {first_error(error)}")
        objects = sorted(self.objects.glob("*.o"))
        subprocess.run(["ar", "rcs", self.archive, *objects], check=True)

    def read_flags(self, folder):
        """CFLAGS-x.c += ..., LDFLAGS-x = ... and LDLIBS-x = ... of the folder's Makefile."""
        path = folder / "Makefile"
        text = path.read_text().replace("\\\n", " ") if path.exists() else ""
        pattern = r"^(CFLAGS|LDFLAGS|LDLIBS)-([\w.-]+?)(?:\.c|\.o|\.cc)? *[+:]?= *(.*)$"
        for kind, name, flags in re.findall(pattern, text, re.M):
            flags = flags.replace("$(stack-align-test-flags)", "-mpreferred-stack-boundary=4")
            words = [word for word in flags.split() if "$" not in word]
            table = self.flags_of if kind == "CFLAGS" else self.libraries_of
            table.setdefault(name, []).extend(words)

    def module(self, path):
        """A shared object that a test loads or is linked with."""
        output = self.bin / f"{path.stem}.so"
        if not output.exists():
            self.compile(output, path, "-shared", "-fPIC", *self.flags_of.get(path.stem, []),
                         *self.libraries_of.get(f"{path.stem}.so", []), self.archive, *LIBRARIES)  # fmt: skip

    def test(self, path):
        output = self.bin / path.stem
        if output.exists():
            return None
        more = [*self.flags_of.get(path.stem, []), *self.libraries_of.get(path.stem, [])]
        auxiliary = path.with_name(f"{path.stem}aux.c")
        if auxiliary.exists():
            more.append(auxiliary)
        if path.stem.startswith("tst-cleanupx4"):
            more.append("-fexceptions")
        mods = self.linked_modules(path)
        return self.compile(output, path, *more, *mods, self.archive, f"-Wl,-rpath,{self.bin}",
                            "-lstdc++", *LIBRARIES)  # fmt: skip

    def linked_modules(self, path):
        makefile = path.parent / "Makefile"
        text = makefile.read_text().replace("\\\n", " ") if makefile.exists() else ""
        rule = re.findall(rf"^\$\(objpfx\){re.escape(path.stem)}: *(.*)$", text, re.M)
        names = re.findall(r"\$\(objpfx\)([\w-]+\.so)", " ".join(rule))
        return ["-Wl,--no-as-needed", *[self.bin / n for n in names if (self.bin / n).exists()]]

    def folder(self, name, whole, wanted):
        """Builds the tests of one folder that are @wanted(name): those built, and the others with their
        first error."""
        folder = self.source / name
        self.read_flags(folder)
        paths = sorted([*folder.glob("tst-*.c"), *folder.glob("tst-*.cc"), *folder.glob("test-*.c")])
        modules = [path for path in paths if is_module(path)]
        tests = [path for path in paths if is_test(path) and wanted(path.stem)]
        tests = [path for path in tests if whole or self.makes_threads(path)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(self.module, modules))
            errors = list(pool.map(self.test, tests))
        built = [path.stem for path, error in zip(tests, errors) if error is None]
        return built, {path.stem: first_error(e) for path, e in zip(tests, errors) if e is not None}

    def makes_threads(self, path):
        text = path.read_text(errors="replace")
        for name in re.findall(r'#include "?<?(tst-[\w.-]+\.c)', text):
            if (path.parent / name).exists():
                text += (path.parent / name).read_text(errors="replace")
        return MAKES_THREADS.search(text)


def is_module(path):
    return re.search(r"-?mod\d*[a-z]?$", path.stem) or path.stem.endswith("-lib")


def is_test(path):
    return not is_module(path) and not re.search(r"aux$|skeleton|-common$|printers|self-cleanup$", path.stem)


def first_error(text):
    lines = [line for line in text.splitlines() if "error" in line or "undefined" in line]
    return lines[0].strip() if lines else text.strip()[-200:]
