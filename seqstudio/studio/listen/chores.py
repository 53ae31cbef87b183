"""Work in threads whose results the window's own thread collects."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from seqstudio.core.errors import SeqError


class Chores:
    """Two worker threads, made when they are first needed."""

    def __init__(self) -> None:
        self._workers: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Future[Any], Callable[[Any], None]]] = []

    def __bool__(self) -> bool:
        """Whether something is under way."""
        return bool(self._waiting)

    def add(self, work: Callable[[], Any], finish: Callable[[Any], None]) -> None:
        """Run `work` in a worker thread; `collect` hands its result to `finish`."""
        if self._workers is None:
            self._workers = ThreadPoolExecutor(2, "seqstudio-listen")
        self._waiting.append((self._workers.submit(work), finish))

    def collect(self) -> list[SeqError]:
        """Hand over the results that are there; return the errors of what failed."""
        done = [each for each in self._waiting if each[0].done()]
        self._waiting = [each for each in self._waiting if not each[0].done()]
        errors = []
        for future, finish in done:
            try:
                finish(future.result())
            except SeqError as error:
                errors.append(error)
        return errors

    def close(self) -> None:
        """Cancel what has not begun; what runs is not waited for."""
        if self._workers is not None:
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._workers = None
        self._waiting.clear()
