"""coro.h from Python by ctypes: the library is the one that the process has, or is loaded late."""
import ctypes
import errno
import sys
import time

library = ctypes.CDLL(sys.argv[1], use_errno=True)
library.coro_spawn.restype = ctypes.c_uint64
FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_double)
FOREVER = ctypes.c_double(float('inf'))


@FUNCTION
def work(count, factor):
    time.sleep(0.01)
    return int(count * factor)


def spawn(function, count, factor):
    thread = library.coro_spawn(b'python', function, b'i(id)', ctypes.c_int(count),
                                ctypes.c_double(factor))
    assert thread, ctypes.get_errno()
    return ctypes.c_uint64(thread)


threads = [spawn(work, i, 2.5) for i in range(20)]
for i, thread in enumerate(threads):
    result = ctypes.c_int()
    assert library.coro_join(thread, FOREVER, ctypes.byref(result)) == 0, ctypes.get_errno()
    assert result.value == int(i * 2.5)
assert library.coro_join(threads[0], FOREVER, None) == -1
assert ctypes.get_errno() == errno.ESRCH

value = ctypes.c_int()
assert library.coro_with_timeout(ctypes.c_double(5), ctypes.byref(value), work, b'i(id)', ctypes.c_int(3),
                                 ctypes.c_double(3)) == 0
assert value.value == 9
libc = ctypes.CDLL(None)
assert library.coro_with_timeout(ctypes.c_double(0.02), None, libc.pause, b'i()') == -1
assert ctypes.get_errno() == errno.ETIMEDOUT
print('ok')
