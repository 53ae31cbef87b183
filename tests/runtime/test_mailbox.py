"""The mailbox: what may be joined, replaced or thinned, and what never may."""

import threading

import numpy as np

from seqstudio.records.messages import Envelope, Event, Progress, Saved, StateChanged
from seqstudio.records.readings import AttentionReading, GradientReading, Metrics, Sample
from seqstudio.runtime.mailbox import Mailbox


def metrics(first: int, count: int, loss: np.ndarray | None = None) -> Metrics:
    steps = np.arange(first, first + count)
    values = np.linspace(3, 2, count) if loss is None else loss
    return Metrics(
        steps, values, values, values * 0 + 0.1, values * 0, steps * 0.01, steps * 100, 50.0
    )


def gradient(step: int, source: str = "training step") -> GradientReading:
    return GradientReading(step, (), (), (), 1, 1, source, 0.0)


def sample(request: int, text: str, *, done: bool = False) -> Sample:
    return Sample(request, 1, "", text, np.zeros(1, np.float32), (), 1.0, 0, done)


def filled(*events: Event) -> Mailbox:
    mailbox = Mailbox()
    for event in events:
        mailbox.put(Envelope("r", event))
    return mailbox


def drained(*events: Event) -> list[Event]:
    return [envelope.event for envelope in filled(*events).drain()]


def test_metrics_join_into_one_batch_with_every_step() -> None:
    (event,) = drained(metrics(1, 3), metrics(4, 1), metrics(5, 4))
    assert isinstance(event, Metrics)
    assert event.steps.tolist() == list(range(1, 9))
    assert event.tokens.tolist() == [100 * step for step in range(1, 9)]


def test_metrics_do_not_pass_a_change_of_state() -> None:
    paused = StateChanged("paused", 3)
    first, middle, last = drained(metrics(1, 3), paused, metrics(4, 2))
    assert isinstance(first, Metrics)
    assert isinstance(last, Metrics)
    assert (first.steps[-1], middle, last.steps[0]) == (3, paused, 4)


def test_metrics_of_two_runs_stay_apart() -> None:
    mailbox = filled(metrics(1, 2))
    mailbox.put(Envelope("other", metrics(1, 5)))
    assert [(each.run, len(each.event.steps)) for each in mailbox.drain()] == [
        ("r", 2),
        ("other", 5),
    ]


def test_a_drained_mailbox_starts_afresh() -> None:
    mailbox = filled(metrics(1, 2))
    mailbox.drain()
    mailbox.put(Envelope("r", metrics(3, 2)))
    assert [each.event.steps.tolist() for each in mailbox.drain()] == [[3, 4]]
    assert mailbox.drain() == []


def test_only_the_newest_reading_of_a_kind_waits() -> None:
    attention = [AttentionReading(step, (), (), 0.0) for step in (1, 2)]
    probe = gradient(1, "probe text")
    assert drained(gradient(1), attention[0], probe, gradient(9), attention[1]) == [
        probe,
        gradient(9),
        attention[1],
    ]


def test_progress_keeps_the_newest_of_each_work() -> None:
    assert drained(Progress("a", 0.1), Progress("b", 0.5), Progress("a", 0.9)) == [
        Progress("b", 0.5),
        Progress("a", 0.9),
    ]


def test_a_finished_sample_replaces_its_beginning_and_stays() -> None:
    events = drained(
        sample(1, "a"),
        sample(1, "ab"),
        sample(2, "x"),
        sample(1, "abc", done=True),
        sample(1, "again", done=True),
        sample(2, "xy"),
    )
    assert [(event.request, event.text, event.done) for event in events] == [
        (1, "abc", True),
        (1, "again", True),
        (2, "xy", False),
    ]


def test_what_matters_is_never_dropped_and_keeps_its_order() -> None:
    events = [
        event
        for step in range(500)
        for event in (StateChanged("running", step), Saved(step, "", False))
    ]
    assert drained(*events) == events


def test_waiting_metrics_are_thinned_by_extremes_and_counted() -> None:
    loss = np.full(40_000, 2.0)
    loss[12_345], loss[23_456] = 99.0, -99.0
    mailbox = Mailbox(limit_rows=1000)
    for first in range(0, 40_000, 10):
        mailbox.put(Envelope("r", metrics(first + 1, 10, loss[first : first + 10])))
    (envelope,) = mailbox.drain()
    kept = envelope.event
    assert isinstance(kept, Metrics)
    assert 250 <= len(kept.steps) <= 1000
    assert len(kept.steps) + mailbox.thinned == 40_000
    assert np.all(np.diff(kept.steps) > 0)
    assert kept.loss[kept.steps == 12_346] == [99.0]
    assert kept.loss[kept.steps == 23_457] == [-99.0]
    assert kept.steps[-1] == 40_000


def test_nothing_is_lost_between_two_threads() -> None:
    mailbox, got, finished = Mailbox(), [], threading.Event()

    def write() -> None:
        for step in range(3000):
            mailbox.put(Envelope("r", metrics(step + 1, 1)))
            if step % 100 == 0:
                mailbox.put(Envelope("r", StateChanged("running", step)))
        finished.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not finished.is_set():
        got += mailbox.drain()
    writer.join()
    got += mailbox.drain()
    steps = np.concatenate([e.event.steps for e in got if isinstance(e.event, Metrics)])
    states = [e.event.step for e in got if isinstance(e.event, StateChanged)]
    assert steps.tolist() == list(range(1, 3001))
    assert states == list(range(0, 3000, 100))
