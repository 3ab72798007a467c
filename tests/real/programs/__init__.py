"""The list of programs, in the order in which they run. A new program is a module and a row here."""

from . import compressors, memcached, python, sysbench

PROGRAMS = [
    *memcached.PROGRAMS,
    *python.PROGRAMS,
    *sysbench.PROGRAMS,
    *compressors.PROGRAMS,
]
