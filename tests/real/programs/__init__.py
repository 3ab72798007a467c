"""The list of programs, in the order in which they run. A new program is a module and a row here."""

from . import apache, compressors, curl, mariadb, memcached, python, redis, stunnel, sysbench, tinyproxy

PROGRAMS = [
    *memcached.PROGRAMS,
    *redis.PROGRAMS,
    *tinyproxy.PROGRAMS,
    *stunnel.PROGRAMS,
    *apache.PROGRAMS,
    *mariadb.PROGRAMS,
    *python.PROGRAMS,
    *sysbench.PROGRAMS,
    *compressors.PROGRAMS,
    *curl.PROGRAMS,
]
