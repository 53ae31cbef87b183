"""When an edit calls for a new run."""

from __future__ import annotations

from dataclasses import replace

from seqstudio.blocks.editing import set_param
from seqstudio.blocks.templates import make
from seqstudio.document.edits import MoveBlocks, RenameBlock, SetSetting

PROJECT = make("char-lstm")


def test_places_titles_and_live_settings_do_not_count() -> None:
    for edit in (
        MoveBlocks({"lstm": (5.0, 7.0)}),
        RenameBlock("lstm", "memory"),
        SetSetting("training", "learning_rate", 0.1),
        SetSetting("training", "clip", 2.0),
        SetSetting("sampling", "temperature", 1.5),
    ):
        assert edit.apply(PROJECT).trains_like(PROJECT)
    assert replace(PROJECT, run="lstm-3", notes="x").trains_like(PROJECT)


def test_graph_data_and_other_settings_count() -> None:
    for edit in (
        set_param(PROJECT.graph, "lstm", "hidden", 64),
        SetSetting("training", "seed", 7),
        SetSetting("data", "held_out", 0.2),
    ):
        assert not edit.apply(PROJECT).trains_like(PROJECT)
