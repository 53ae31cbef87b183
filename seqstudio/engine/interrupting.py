"""Long work in one thread that another thread can break off: a compiler asks nobody.

CPython raises an exception in a thread on behalf of another one, as soon as that thread runs
Python again; inside a call into C, a compiler's for instance, it waits for the end of the call.
"""

from __future__ import annotations

import ctypes
import threading
from types import TracebackType


class BrokenOff(BaseException):
    """The work was broken off from outside; no error, so `except Exception` does not stop it."""


class Interruptible:
    """Surrounds work; `break_off` raises `BrokenOff` inside it.

    Attributes:
        asked: Somebody wants the work to end, or wanted it before it began.
    """

    def __init__(self) -> None:
        self.asked = False
        self._lock = threading.Lock()
        self._thread: int | None = None

    def __enter__(self) -> Interruptible:
        with self._lock:
            self._thread = threading.get_ident()
        if self.asked:
            self._leave()
            raise BrokenOff
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        """Let nothing be raised any more: what comes after the work must not be hit."""
        with self._lock:
            if self._thread is not None:
                _raise_in(self._thread, None)
            self._thread = None

    def break_off(self) -> None:
        """Raise `BrokenOff` in the thread that works, if one does; from any thread."""
        with self._lock:
            self.asked = True
            if self._thread is not None:
                _raise_in(self._thread, BrokenOff)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    """Raise an exception in a thread when it runs Python next; None takes one back."""
    given = ctypes.py_object(error) if error is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), given)
