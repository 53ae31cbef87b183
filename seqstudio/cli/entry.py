"""From what was typed to an exit code: 0 done, 2 a mistake of the user's, 1 one of ours."""

from __future__ import annotations

import errno
import importlib
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from seqstudio.cli.arguments import COMMANDS, parser_of, window_parser
from seqstudio.cli.console import drop_stdout, prepare_streams, told
from seqstudio.cli.usage import no_such
from seqstudio.core.errors import DataError, SeqError, StorageError

INTERNAL, MISTAKE, INTERRUPTED, READER_GONE = 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, or open the window.

    Args:
        argv: Arguments without the program's name; None takes those of the process.

    Returns:
        Exit code: 0 when the work was done, 2 for a mistake of the user's, 130 when interrupted,
        1 for anything unexpected.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # Threads that wait for work must not spin; read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    prepare_streams()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
    except SystemExit as ending:  # --help and --version
        code = ending.code if isinstance(ending.code, int) else 0
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last line of defence
        code = _told(error, debug="--debug" in words)
    return code


def _told(error: Exception, *, debug: bool) -> int:
    """Say in one line what went wrong; return the exit code."""
    if isinstance(error, BrokenPipeError):
        drop_stdout()
        return READER_GONE
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        drop_stdout()  # files have an error of their own, so it is standard output that is full
        hint = "Free some space and run it again"
        error = StorageError("The output was not written", "the disk is full", hint)
    if isinstance(error, SeqError):
        print("seqstudio:", told(error.what, error.why, error.hint), file=sys.stderr)
        return MISTAKE
    return _internal(error, debug=debug)


def _dispatch(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        arguments = parser_of(words[0]).parse_args(words[1:])
        module, _, function = COMMANDS[words[0]].where.partition(":")
        code: int = getattr(importlib.import_module(module), function)(arguments)
        return code
    if words and not words[0].startswith("-") and not _names_a_file(words[0]):
        raise no_such("command", words[0], COMMANDS)
    return _open_window(window_parser().parse_args(words))


def _names_a_file(word: str) -> bool:
    return Path(word).suffix != "" or os.sep in word or Path(word).exists()


def _open_window(arguments: Namespace) -> int:
    path = Path(arguments.project) if arguments.project else None
    if path is not None and not path.is_file():
        raise DataError(f"There is no file {path}", "", "Check the name and the folder")
    try:
        from seqstudio.studio.app import run
    except ImportError as error:
        raise SeqError(
            "The window cannot open here",
            str(error),
            "Run seqstudio doctor: it says what is missing",
        ) from error
    return run(path, threads=arguments.thread_engine)


def doctor(arguments: Namespace) -> int:
    """Tell what works on this computer."""
    from seqstudio.cli.doctor import run_doctor

    return run_doctor(arguments.json)


def _internal(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    told = " ".join(f"{type(error).__name__}: {error}".split())
    hint = "" if debug else " Add --debug for the details."
    print(f"seqstudio: internal error, {told}.{hint}", file=sys.stderr)
    return INTERNAL
