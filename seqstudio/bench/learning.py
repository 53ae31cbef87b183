"""How well the templates learn in a fixed time: best held-out loss beside that of counting."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from seqstudio.bench.results import NONE, Row
from seqstudio.blocks.templates import make
from seqstudio.core.errors import RunError
from seqstudio.document.project import project_text
from seqstudio.document.settings import TrainingSettings
from seqstudio.records.messages import Envelope, Start
from seqstudio.runtime.history import RunHistory

TEXT_TEMPLATES = ("char-lstm", "char-gpt")
BOOK_TEMPLATES = ("abc-lstm",)
BOOK_SHARE = 0.6  # a book of tunes is learnt sooner
SHORTEST_MIN = 0.05


def bench_learn(seconds: float, paths: Sequence[Path] = ()) -> Iterator[Row]:
    """Train with the settings of the templates, whatever they choose, for a fixed time.

    Args:
        seconds: Training time on a text; books of tunes get 60 % of it.
        paths: Texts, and books of tunes ending in .abc; the built-in ones if there are none.

    Raises:
        SeqError: A file is no good, or a run failed.
    """
    for template, path in jobs(paths):
        book = template in BOOK_TEMPLATES
        yield learn(template, path, seconds * (BOOK_SHARE if book else 1.0))


def jobs(paths: Sequence[Path]) -> Iterator[tuple[str, Path | None]]:
    """Yield which template learns from which file."""
    if not paths:
        yield from ((name, None) for name in (*TEXT_TEMPLATES, *BOOK_TEMPLATES))
    for path in paths:
        names = BOOK_TEMPLATES if path.suffix == ".abc" else TEXT_TEMPLATES
        yield from ((name, path) for name in names)


def learn(template: str, path: Path | None, seconds: float) -> Row:
    """Train one template on one file."""
    from seqstudio.runtime.worker import train_here

    project = make(template, str(path.resolve()) if path else "")
    minutes = max(seconds / 60, SHORTEST_MIN)
    given = {**project.training.as_dict(), "budget": "minutes", "minutes": minutes}
    project = replace(project, training=TrainingSettings.parse(given))
    history = RunHistory(template)

    def listen(envelope: Envelope) -> None:
        history.extend([envelope.event])

    with tempfile.TemporaryDirectory(prefix="seqstudio-bench-") as home:
        start = Start(template, project_text(project), "", str(Path(home) / template))
        state = train_here(start, listen, lambda: False)
    if state != "finished":
        failed = history.failures[-1] if history.failures else None
        raise RunError(f"{template} did not finish", failed.what if failed else state)
    return _row(template, path, minutes, history)


def _row(template: str, path: Path | None, minutes: float, history: RunHistory) -> Row:
    best, facts = history.best_validation(), history.facts
    assert best is not None  # a finished run has measured the held-out part
    floor = facts.floor if facts is not None else NONE
    data = path.name if path else "its built-in data"
    tokens, seconds = history.curves.tokens, history.curves.seconds
    speed = int(tokens[-1] / max(float(seconds[-1]), 1e-9)) if len(tokens) else 0
    note = f"step {best.step:,} of {history.step:,}; {speed:,} tokens/s; {history.detail}"
    unit = facts.unit if facts is not None else ""
    what = f"{template} on {data}, {minutes:.2g} min: best held-out loss"
    return Row(what, unit, best.loss, floor, floor / best.loss, goal=1.0, note=note)
