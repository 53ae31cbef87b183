"""Facts about data that shapes rest on, and the settings that have an effect on a kind."""

from __future__ import annotations

import pytest

from seqstudio.data.facts import facts_of
from seqstudio.data.sources import KINDS, open_dataset
from seqstudio.document.settings import DataSettings, TrainingSettings


def test_every_kind_can_be_chosen_and_opened() -> None:
    assert [value for value, _ in DataSettings.param("kind").choices] == list(KINDS)


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("text", {"pattern": "next token", "window": 128, "padded": False, "source": ""}),
        ("reverse", {"pattern": "next token", "input": "ids", "vocabulary": 15, "window": 11,
                     "source": "ids", "source_vocabulary": 13, "source_window": 10,
                     "padded": True}),
        ("brackets", {"pattern": "class per step", "classes": 4, "window": 10, "padded": True}),
        ("shapes", {"pattern": "class", "input": "picture", "picture": (1, 24, 24), "window": 1,
                    "vocabulary": 0, "width": 0, "classes": 4}),
        ("rows", {"input": "vectors", "width": 24, "window": 24, "picture": ()}),
        ("captions", {"source": "picture", "picture": (1, 24, 24), "source_window": 0,
                      "source_vocabulary": 0, "window": 9, "vocabulary": 13, "padded": True}),
        ("waves", {"pattern": "forecast", "input": "vectors", "width": 1, "outputs": 1,
                   "window": 10}),
        ("frames", {"pattern": "notes", "width": 88, "outputs": 88, "padded": False}),
        ("parity", {"pattern": "class per step", "classes": 2, "padded": False}),
    ],
)  # fmt: skip
def test_facts(kind: str, known: dict[str, object]) -> None:
    facts = facts_of(open_dataset(DataSettings(kind, length=10)), TrainingSettings())
    assert {name: getattr(facts, name) for name in known} == known
    assert facts.batch == 32


@pytest.mark.parametrize(
    ("kind", "idle"),
    [
        ("text", {"transpose", "length"}),
        ("abc", {"length"}),
        ("frames", set()),
        ("masked", {"transpose"}),
        ("reverse", {"path", "held_out", "transpose"}),
        ("captions", {"transpose", "length"}),
        ("series", {"transpose"}),
        ("ball", {"path", "held_out", "transpose"}),
    ],
)
def test_idle_settings(kind: str, idle: set[str]) -> None:
    usual = {"path", "held_out", "transpose", "length"}  # others belong to few kinds
    assert DataSettings(kind).idle() & usual == idle


def test_settings_of_tables_matter_to_texts_with_labels_alone() -> None:
    assert "columns" in DataSettings("abc").idle()
    assert not {"columns", "tokens", "symbols"} & DataSettings("sentences").idle()
