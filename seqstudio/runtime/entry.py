"""Where a trainer process starts. Imports no torch by itself: see `load_worker`."""

from __future__ import annotations

import faulthandler
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import cast

from seqstudio.core.allocation import keep_freed_memory
from seqstudio.records.messages import Envelope, Failed
from seqstudio.runtime.channel import Channel, pipe_channel

NICENESS = 5


def run_trainer(connection: Connection, crash_log: str = "") -> None:
    """Serve the pipe until it closes, then end the process at once.

    Args:
        connection: This end of the line.
        crash_log: File that gets the stacks of all threads when native code crashes; "" for
            standard error.
    """
    _behave()
    _note_crashes(crash_log)
    channel = pipe_channel(connection)
    code = 0
    try:
        serve = load_worker()
        gc.freeze()  # what torch brought stays: later collections need not look at it
        # Only now: while torch loads there is nothing to save, and the signal may simply kill.
        signal.signal(signal.SIGTERM, lambda *_: channel.close())
        serve(channel)
    except Exception as error:  # noqa: BLE001  the last line of defence: it becomes a message
        channel.emit(Envelope("", not_loaded(error)))
        code = 1
    _leave(code)


def load_worker() -> Callable[[Channel], None]:
    """Import the worker, and torch with it, by name: no import chain leads there."""
    worker = importlib.import_module("seqstudio.runtime.worker")
    return cast("Callable[[Channel], None]", worker.serve)


def not_loaded(error: Exception) -> Failed:
    """Say that the trainer could not be loaded or broke outside of a run."""
    return Failed(
        "The trainer does not work",
        f"{type(error).__name__}: {error}",
        "Run seqstudio doctor: it says what is missing",
        "".join(traceback.format_exception(error)),
    )


def _behave() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to decide on
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # Threads that wait for work must not spin beside a live window; read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    if hasattr(os, "nice"):
        os.nice(NICENESS)


def _note_crashes(path: str) -> None:
    if path:
        # Never closed: it is written to when nothing else works any more.
        faulthandler.enable(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    elif sys.stderr is not None:
        faulthandler.enable()


def _leave(code: int) -> None:
    # Everything is saved. Tearing torch down would take seconds in which the window waits.
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
