"""How the C library gives memory back: a trainer asks for the same sizes again at every step."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # numbers of glibc's malloc.h
_LARGE = 1 << 30


def keep_freed_memory() -> bool:
    """Let this process keep memory that it frees, for the next time.

    By default glibc returns large blocks to the system at once and gets them again, page by page,
    at the next step: a tenth to a fifth of the time of a training step. The process stays as
    large as it once was. Only for a process that trains and does nothing else.

    Returns:
        Whether it was done: on Linux with glibc.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    wanted = ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _LARGE), (_TOP_PAD, 1 << 26))
    return all(mallopt(number, value) == 1 for number, value in wanted)
