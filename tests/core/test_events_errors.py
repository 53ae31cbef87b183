"""Events call in order and may be left at any time; errors keep their three parts."""

from __future__ import annotations

import pytest

from seqstudio.core import errors
from seqstudio.core.errors import SeqError
from seqstudio.core.events import Event

KINDS = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SeqError)
]


def test_listeners_are_called_in_order_and_can_leave_while_they_are_called() -> None:
    event: Event[int] = Event()
    heard: list[tuple[str, int]] = []

    def once(value: int) -> None:
        heard.append(("once", value))
        leave()

    leave = event.connect(once)
    event.connect(lambda value: heard.append(("always", value)))
    event.emit(1)
    event.emit(2)
    leave()
    assert heard == [("once", 1), ("always", 1), ("always", 2)]


def test_a_listener_that_joins_meanwhile_waits_for_the_next() -> None:
    event: Event[int] = Event()
    heard: list[int] = []
    event.connect(lambda _: event.connect(heard.append) and None)
    event.emit(1)
    assert heard == []
    event.emit(2)
    assert heard == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_reads_as_one_line_and_crosses_a_process_border_whole(
    kind: type[SeqError],
) -> None:
    error = kind("It broke", "the cause.", "Mend it")
    assert str(error) == error.sentence() == "It broke: the cause. Mend it."
    rebuild, arguments = error.__reduce_ex__(2)[:2]
    again = rebuild(*arguments)
    assert type(again) is kind
    assert (again.what, again.why, again.hint) == ("It broke", "the cause.", "Mend it")


def test_empty_parts_leave_no_trace() -> None:
    assert SeqError("Only this").sentence() == "Only this."
