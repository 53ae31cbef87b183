"""Another memory takes the place of the model's own: same wires, about the same size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.blocks.editing import MEMORIES, switch_kind
from seqstudio.blocks.settings import edit_of
from seqstudio.blocks.swapping import KEY, fitting, present, swapped
from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError
from seqstudio.document.project import Project

TEXT = DataFacts(vocabulary=65, window=64, batch=8)
PAIRS = DataFacts(vocabulary=15, window=13, batch=8, source="ids", source_vocabulary=13)


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt", "char-attention"])
def test_every_memory_fits_and_has_about_as_many_parameters(template: str) -> None:
    graph = make(template).graph
    wanted = check(graph, TEXT).total
    for swap in fitting(graph, TEXT):
        assert swap.words, swap
        model = check(swapped(graph, swap.words), TEXT)
        assert model.playable
        assert model.total == swap.total == pytest.approx(wanted, rel=0.05)


def test_the_memory_that_is_there_stays_as_drawn() -> None:
    graph = make("char-lstm").graph
    (swap,) = fitting(graph, TEXT, ("lstm",))
    assert swap.words == "lstm as drawn"
    assert swapped(graph, swap.words) is graph


def test_what_hands_its_state_on_cannot_become_attention() -> None:
    found = {swap.name: swap for swap in fitting(make("reverse-seq2seq").graph, PAIRS)}
    assert found["gru"].words.startswith("gru ")
    assert found["transformer"].words == ""
    assert "shares its state" in found["transformer"].why


def test_both_blocks_of_a_pair_change_together_and_stay_wired() -> None:
    graph = swapped(make("reverse-seq2seq").graph, "gru 20")
    assert sorted(block.kind for block in graph if block.kind in MEMORIES) == ["gru", "gru"]
    states = [wire for wire in graph.wires if wire.out == "state"]
    assert states
    assert all(graph.blocks[wire.target].kind == "gru" for wire in states)


def test_a_reader_of_both_sides_still_sees_both() -> None:
    graph = make("tagger-bilstm").graph
    attentive = swapped(graph, "transformer 16")
    (block,) = [block for block in attentive if block.kind == "transformer"]
    assert block.params["causal"] is False
    again = swapped(attentive, "rnn 8")
    assert next(block for block in again if block.kind == "rnn").params["bidirectional"] is True


def test_a_sweep_sets_it_like_a_setting_and_nonsense_is_refused() -> None:
    project = make("char-lstm")
    changed = edit_of(project, KEY, "gru 32").apply(project)
    assert present(changed.graph) == "gru"
    for words in ("gru", "mamba 32", "gru as drawn"):
        with pytest.raises(GraphError):
            edit_of(project, KEY, words)
    with pytest.raises(GraphError, match="no memory to exchange"):
        fitting(replace(project, graph=make("order-dense").graph).graph, TEXT)


@pytest.mark.parametrize("kind", [kind for kind in MEMORIES if kind != "lstm"])
def test_a_block_changed_by_hand_keeps_wires_and_settings(kind: str) -> None:
    graph = make("char-lstm").graph
    for name, value in (("dropout", 0.25), ("layers", 2)):
        graph = graph.with_block(graph.blocks["lstm"].with_param(name, value))
    edit = switch_kind(graph, "lstm", kind)
    after = edit.apply(Project(graph)).graph
    assert after.into(edit.block.id)["in"].source == "embedding"
    assert after.into("dropout")["in"].source == edit.block.id
    assert edit.block.params["dropout"] == 0.25
    if "layers" in edit.block.params:
        assert edit.block.params["layers"] == 2
    assert check(after, TEXT).playable
