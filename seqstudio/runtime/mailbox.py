"""The mailbox between the supervisor and the window: bounded, coalescing, safe across threads."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from seqstudio.records.looking import Looked
from seqstudio.records.messages import Envelope, Event, Progress
from seqstudio.records.peek import Peeked, PeekFailed
from seqstudio.records.readings import AttentionReading, GradientReading, Metrics, Sample
from seqstudio.runtime.series import join, thin_rows

ROWS = 65_536


@dataclass
class _Item:
    """One waiting envelope, or the metrics batches of one run that will leave as one."""

    envelope: Envelope
    batches: list[Metrics] = field(default_factory=list)


class Mailbox:
    """Takes envelopes from one thread, gives them to another that polls.

    Metrics are joined, and thinned once more than `limit_rows` wait. Readings, samples that are
    still being written and progress are replaced by newer ones of their kind. Everything else
    stays, in order. Metrics never pass an envelope of that last sort.

    Attributes:
        thinned: Metric rows left out so far because nobody took them.
    """

    def __init__(self, limit_rows: int = ROWS) -> None:
        self.thinned = 0
        self._limit_rows = limit_rows
        self._rows = 0
        self._lock = threading.Lock()
        self._items: dict[Hashable, _Item] = {}
        self._count = 0
        self._open: Hashable = None  # key of the metrics that the next batch joins

    def put(self, envelope: Envelope) -> None:
        """Add an envelope; never blocks for long and never grows without bound."""
        with self._lock:
            if isinstance(envelope.event, Metrics):
                self._put_metrics(envelope, envelope.event)
                return
            key = _replaceable(envelope)
            self._items.pop(key, None)  # a newer one takes its place in time, too
            if key is None:
                self._open = None
            if key is None or _lasting(envelope.event):
                key = self._fresh_key()
            self._items[key] = _Item(envelope)

    def drain(self) -> list[Envelope]:
        """Take everything that waits, oldest first."""
        with self._lock:
            items = list(self._items.values())
            self._items.clear()
            self._open = None
            self._rows = 0
        return [_sealed(item) for item in items]

    def _put_metrics(self, envelope: Envelope, metrics: Metrics) -> None:
        item = self._items.get(self._open) if self._open is not None else None
        if item is None or item.envelope.run != envelope.run:
            self._open = self._fresh_key()
            item = self._items[self._open] = _Item(envelope)
        item.batches.append(metrics)
        self._rows += len(metrics.steps)
        if self._rows > self._limit_rows:
            self._thin()

    def _thin(self) -> None:
        waiting = [item for item in self._items.values() if item.batches]
        before = self._rows
        for item in waiting:
            metrics = join(item.batches)
            item.batches = [thin_rows(metrics, len(metrics.steps) // 2)]
        self._rows = sum(len(item.batches[0].steps) for item in waiting)
        self.thinned += before - self._rows

    def _fresh_key(self) -> int:
        self._count += 1
        return self._count


def _replaceable(envelope: Envelope) -> Hashable:
    """Return the key under which a newer envelope replaces this one; None if none may."""
    run = envelope.run
    key: Hashable = None
    match envelope.event:
        case GradientReading(source=source):
            key = run, "gradient", source
        case AttentionReading():
            key = run, "attention"
        case Progress(what=what):
            key = run, "progress", what
        case Sample(request=request):
            key = run, "sample", request
        case Peeked() | PeekFailed():
            key = ("peek",)
        case Looked(view=view, done=False):
            key = "look", view
    return key


def _lasting(event: Event) -> bool:
    """Tell a finished sample: it takes the place of its unfinished self and stays."""
    return isinstance(event, Sample) and event.done


def _sealed(item: _Item) -> Envelope:
    return replace(item.envelope, event=join(item.batches)) if item.batches else item.envelope
