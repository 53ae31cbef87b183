"""Faults of our own: nothing that goes wrong anywhere in the program stays unseen.

Exceptions in slots, threads, timers and finalisers, and warnings of Qt, arrive here from any
thread. The hooks touch no widget: they put a record into a queue that the window polls.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TextIO

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler

from seqstudio.core.errors import SeqError

log = logging.getLogger("seqstudio.faults")
LIMIT = 200  # kinds of faults


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        what: What happened, one line.
        why: The cause.
        hint: What to do.
        trace: Traceback.
        count: How often it has come.
    """

    what: str
    why: str
    hint: str
    trace: str
    count: int = 1


class FaultCatcher:
    """Catches from every side; `drain` is called by the window."""

    def __init__(self) -> None:
        # A finaliser may fail in the middle of catching something else: hence the reentrant lock.
        self._lock = threading.RLock()
        self._seen: dict[tuple[str, str], Fault] = {}
        self._changed: set[tuple[str, str]] = set()
        self._log: TextIO | None = None
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        self._before_qt: Callable[[QtMsgType, QMessageLogContext, str], None] | None = None

    def install(self, folder: Path | None = None) -> None:
        """Hook into Python and Qt; native crashes leave their stacks in `folder`/crash.log."""
        self._before = (sys.excepthook, threading.excepthook, sys.unraisablehook)
        sys.excepthook = self._from_python
        threading.excepthook = self._from_thread
        sys.unraisablehook = self._from_finaliser
        self._before_qt = qInstallMessageHandler(self._from_qt)
        if folder is not None:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                self._log = (folder / "crash.log").open("w", encoding="utf-8")
                faulthandler.enable(self._log)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        qInstallMessageHandler(self._before_qt)
        if self._log is not None:
            faulthandler.disable()
            self._log.close()

    def catch(self, error: BaseException) -> None:
        """Take in an exception, from any thread."""
        trace = "".join(traceback.format_exception(error))
        if isinstance(error, SeqError):
            self._add(Fault(error.what, error.why, error.hint, trace))
            return
        place = traceback.extract_tb(error.__traceback__)
        where = f" in {place[-1].name}" if place else ""
        self._add(
            Fault(
                "Something went wrong inside SeqStudio",
                f"{type(error).__name__}{where}: {error}",
                "Your project and runs are kept. Save, and report this if it comes back",
                trace,
            )
        )

    def _add(self, fault: Fault) -> None:
        """Count a fault; only the first of a kind is logged, and kinds have a limit."""
        key = (fault.what, fault.why)
        with self._lock:
            known = self._seen.get(key)
            if known is None and len(self._seen) >= LIMIT:
                key = ("Many things went wrong inside SeqStudio", "")
                known = self._seen.get(key)
                fault = replace(fault, what=key[0], why="")
            self._seen[key] = replace(known, count=known.count + 1) if known else fault
            self._changed.add(key)
        if known is None:
            log.error("%s", fault.trace)

    def drain(self) -> list[Fault]:
        """Return what came since the last call; repeats of a fault come as one with its count."""
        with self._lock:
            changed, self._changed = self._changed, set()
            return [fault for key, fault in self._seen.items() if key in changed]

    def _from_python(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self.catch(error)

    def _from_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self.catch(args.exc_value)

    def _from_finaliser(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            self.catch(args.exc_value)

    def _from_qt(self, kind: QtMsgType, context: QMessageLogContext, words: str) -> None:
        del context
        level = logging.WARNING if kind != QtMsgType.QtDebugMsg else logging.DEBUG
        log.log(level, "Qt: %s", words)
        if kind in {QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg}:
            hint = "Save your project and start again"
            self._add(Fault("Qt reports a fault", words, hint, words))
