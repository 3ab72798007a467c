"""The list of programs, in the order in which they run. A new program is a module and a row here."""

from . import (
    apache,
    compressors,
    curl,
    mariadb,
    memcached,
    postgresql,
    python,
    redis,
    ripgrep,
    runtimes,
    slapd,
    stunnel,
    sysbench,
    tinyproxy,
    unbound,
    web,
)

PROGRAMS = [
    *memcached.PROGRAMS,
    *redis.PROGRAMS,
    *tinyproxy.PROGRAMS,
    *stunnel.PROGRAMS,
    *apache.PROGRAMS,
    *web.PROGRAMS,
    *unbound.PROGRAMS,
    *slapd.PROGRAMS,
    *mariadb.PROGRAMS,
    *postgresql.PROGRAMS,
    *python.PROGRAMS,
    *runtimes.PROGRAMS,
    *sysbench.PROGRAMS,
    *compressors.PROGRAMS,
    *ripgrep.PROGRAMS,
    *curl.PROGRAMS,
]
