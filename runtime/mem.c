/* Memory below the gate. The compiler may turn any loop or structure copy into a call of memcpy and
 * its kin; these hidden definitions keep such calls inside this object. `rep movsb` is the fastest
 * short form on every processor with ERMS and needs no vector register. */
#include "runtime/mem.h"

#include <linux/mman.h>

#include "runtime/sys.h"

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    void *result = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes)
        return memcpy(to, from, bytes);
    char *target = (char *)to + bytes;
    const char *source = (const char *)from + bytes;
    while (bytes--) {
        *--target = *--source;
        barrier(); /* or the compiler would make this loop a call of memmove */
    }
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;
    for (; bytes; bytes--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length]) {
        length++;
        barrier();
    }
    return length;
}

size_t text_copy(char *to, const char *from, size_t size)
{
    size_t length = 0;
    if (!size)
        return 0;
    for (; length + 1 < size && from[length]; length++)
        to[length] = from[length];
    to[length] = 0;
    return length;
}

bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

void *pages_map(size_t bytes)
{
    long at = sys6(__NR_mmap, 0, align_up(bytes, PAGE_BYTES), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return sys_is_error(at) ? NULL : (void *)at;
}

void pages_unmap(void *start, size_t bytes)
{
    sys2(__NR_munmap, start, align_up(bytes, PAGE_BYTES));
}

void pool_init(struct pool *pool, size_t object_bytes)
{
    pool->object_bytes = align_up(object_bytes, 16);
    pool->free = NULL;
}

static void pool_grow(struct pool *pool)
{
    char *block = pages_map(POOL_BLOCK_BYTES);
    if (!block)
        return;
    size_t count = POOL_BLOCK_BYTES / pool->object_bytes;
    for (size_t i = count; i-- > 0;) {
        void **object = (void **)(block + i * pool->object_bytes);
        *object = pool->free;
        pool->free = object;
    }
}

void *pool_get(struct pool *pool)
{
    if (!pool->free)
        pool_grow(pool);
    void **object = pool->free;
    if (!object)
        return NULL;
    pool->free = *object;
    memset(object, 0, pool->object_bytes);
    return object;
}

void pool_put(struct pool *pool, void *object)
{
    *(void **)object = pool->free;
    pool->free = object;
}
