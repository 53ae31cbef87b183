"""The shared cursor: how long until every view of a topic shows the place that one points at.

Processor time of the window's thread, painting included. The model is asked first, so that what is
measured is the link between views, not the model.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seqstudio.bench.results import Row, median, quantile

if TYPE_CHECKING:
    from seqstudio.studio.inside.page import InsidePage
    from seqstudio.studio.session import Session

WIDTH, HEIGHT = 1440, 760
LINK_MS = 50.0
EVENTS = 40
ANSWERS_S = 60.0
SUBJECTS = ("char-lstm", "char-gpt")
STEPS = 40  # places of the text that every view has


def measure_linking(
    events: int, subjects: Sequence[str] = SUBJECTS, topics: Sequence[str] = ()
) -> dict[str, list[float]]:
    """Return the milliseconds of every move of the cursor, by model and topic.

    Args:
        events: Moves for each.
        subjects: Templates.
        topics: Keys of topics, all if none.
    """
    from seqstudio.blocks.templates import make
    from seqstudio.document.document import Document
    from seqstudio.studio.app import application
    from seqstudio.studio.inside.page import InsidePage
    from seqstudio.studio.session import Session
    from seqstudio.studio.theme import themes

    application()
    themes().set_mode("dark")
    found: dict[str, list[float]] = {}
    for template in subjects:
        session = Session(Document(make(template)), threads=True)
        page = InsidePage(session)
        page.resize(WIDTH, HEIGHT)
        page.show()
        for topic in topics or page.titles:
            words = page.titles[topic]
            page.choose(topic)
            found[f"{template}, {words}"] = _moves(session, page, events)
        page.close()
        session.begin_close()
        session.end_close()
    return found


def _moves(session: Session, page: InsidePage, events: int) -> list[float]:
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + ANSWERS_S
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
        if session.facts is not None and not session.looks.waiting:
            break
    _settle()
    took = []
    for number in range(events + 2):
        before = time.thread_time()
        session.move_cursor(t=(7 * number) % STEPS)
        QApplication.processEvents()
        took.append(1e3 * (time.thread_time() - before))
    page.update()
    return took[2:]


def _settle(seconds: float = 0.5) -> None:
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def bench_linking(platform: str, events: int = EVENTS, **only: Sequence[str]) -> Iterator[Row]:
    """Measure in a child process with a real window."""
    from seqstudio.bench.live import ask

    for words, took in ask("linking", platform, events=events, **only).items():
        note = f"middle {median(took):.1f} ms, {events} moves"
        yield Row(f"{words}: cursor moved and shown, 99 %", "ms", quantile(took, 0.99),
                  goal=LINK_MS, note=note)  # fmt: skip
