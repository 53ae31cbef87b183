"""Two processes beside one: both train alike, and the figure says how quickly."""

from __future__ import annotations

import os

import pytest

from seqstudio.bench import several
from seqstudio.bench.subjects import Sizes
from seqstudio.core.errors import RunError

SMALL = Sizes(embedding=8, hidden=16, layers=1, batch=4, window=12)
BLINK_S = 0.01

pytestmark = pytest.mark.long


def test_several_compares_what_trains_alike() -> None:
    (row,) = several.bench_several(BLINK_S, ("rnn",), SMALL)
    assert row.what.endswith("2 processes × 1 thread")
    assert row.low <= row.ratio <= row.high
    assert row.ours > 0
    assert row.peer > 0
    assert not {"RANK", "WORLD_SIZE", "MASTER_PORT"} & os.environ.keys()


def test_several_refuses_to_compare_different_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "TOLERANCE", -1.0)
    with pytest.raises(RunError, match="do not train alike"):
        list(several.bench_several(BLINK_S, ("rnn",), SMALL))
