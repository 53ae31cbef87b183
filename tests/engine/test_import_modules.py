"""Torch modules as graphs: what standard layers become, and what is said of the rest."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from seqstudio.blocks.check import check
from seqstudio.blocks.declaration import DataFacts
from seqstudio.document.graph import Graph
from seqstudio.engine.exchange import importing
from seqstudio.engine.exchange.importing import import_model
from seqstudio.engine.exchange.reader import ImportedError
from seqstudio.engine.exchange.steps import Drawing
from seqstudio.engine.exchange.tracer import _traced
from seqstudio.engine.model import GraphModel

FILE = Path(__file__).parent / "torch_modules.py"
FACTS = DataFacts("ids", vocabulary=11, window=6, classes=4)


@pytest.fixture(scope="module")
def modules() -> ModuleType:
    spec = importlib.util.spec_from_file_location("torch_modules", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawing(name: str) -> Drawing:
    """Return what a class becomes; the tracing runs in this process, for it is our own file."""
    found = Drawing(_traced(FILE, name)["steps"])
    found.draw()
    return found


def chain(graph: Graph) -> list[str]:
    order, _ = graph.order()
    return [graph.blocks[key].kind for key in order]


def parameters(module: nn.Module) -> list[torch.nn.Parameter]:
    return list(module.parameters())


def given_in_order(ours: nn.Module, theirs: nn.Module) -> None:
    """Put their weights into our layer: recurrent ones lie layer by layer, then direction."""
    with torch.no_grad():
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            own.copy_(other)


def test_a_character_model_becomes_the_same_function(modules: ModuleType) -> None:
    found = drawing("CharLSTM")
    assert chain(found.graph) == ["tokens", "embedding", "lstm", "dropout", "next_token"]
    assert (found.input, found.source, found.pattern) == ("ids", "", "next token")
    theirs = modules.CharLSTM().eval()
    ours = GraphModel(found.graph, FACTS).eval()
    given_in_order(ours.module("emb"), theirs.emb)
    given_in_order(ours.module("lstm"), theirs.lstm)
    given_in_order(ours.module("fc").get_submodule("linear"), theirs.fc)
    ids = torch.randint(0, 11, (3, 6))
    torch.testing.assert_close(ours(ids)[0], theirs(ids)[0])


def test_a_classifier_reads_both_ways_and_its_last_softmax_goes(modules: ModuleType) -> None:
    found = drawing("Classifier")
    assert chain(found.graph) == ["tokens", "embedding", "gru", "last_step", "layer_norm",
                                  "linear", "activation", "class_head"]  # fmt: skip
    assert found.pattern == "class"
    assert any("softmax is left out" in note for note in found.notes)
    theirs = modules.Classifier().eval()
    ours = GraphModel(found.graph, replace(FACTS, pattern="class")).eval()
    given_in_order(ours.module("emb"), theirs.emb)
    given_in_order(ours.module("rnn"), theirs.rnn)
    given_in_order(ours.module("fc"), theirs.fc[0])
    given_in_order(ours.module(list(found.graph.blocks)[-1]), theirs.fc[2])
    ids = torch.randint(0, 11, (3, 6))
    torch.testing.assert_close(ours(ids)[0].log_softmax(-1), theirs(ids))


def test_attention_and_encoder_layers_become_the_same_function(modules: ModuleType) -> None:
    found = drawing("Attending")
    assert found.notes == []
    theirs = modules.Attending().eval()
    ours = GraphModel(found.graph, replace(FACTS, pattern="class", classes=5)).eval()
    given_in_order(ours.module("emb"), theirs.emb)
    given_in_order(ours.module("attn"), theirs.attn)
    layers = zip(ours.module("enc").get_submodule("blocks"), theirs.enc.layers, strict=True)
    for block, layer in layers:
        for own, other in (("attention", "self_attn"), ("norm1", "norm1"), ("norm2", "norm2"),
                           ("up", "linear1"), ("down", "linear2")):  # fmt: skip
            given_in_order(block.get_submodule(own), layer.get_submodule(other))
    for key in "qkv":
        given_in_order(ours.module(key), theirs.get_submodule(key))
    given_in_order(ours.module("fc"), theirs.fc)
    ids = torch.randint(0, 11, (3, 6))
    torch.testing.assert_close(ours(ids)[0], theirs(ids), rtol=1e-4, atol=1e-5)


def test_the_last_state_is_the_last_step_and_vectors_are_seen(modules: ModuleType) -> None:
    found = drawing("LastState")
    assert chain(found.graph) == ["vectors", "rnn", "last_step", "value_head"]
    theirs = modules.LastState().eval()
    known = DataFacts("vectors", "value", "vectors", width=3, window=6)
    ours = GraphModel(found.graph, known).eval()
    given_in_order(ours.module("rnn"), theirs.rnn)
    given_in_order(ours.module("fc"), theirs.fc)
    x = torch.randn(3, 6, 3)
    torch.testing.assert_close(ours(x)[0], theirs(x))


def test_a_branch_is_followed_by_torch_export_instead() -> None:
    traced = _traced(FILE, "Branching")
    assert traced["way"] == "torch.export"
    found = Drawing(traced["steps"])
    found.draw()
    assert chain(found.graph) == ["tokens", "embedding", "lstm", "activation", "next_token"]


def test_what_no_block_stands_for_is_opaque_and_says_why() -> None:
    found = drawing("Odd")
    (block,) = [block for block in found.graph if block.kind == "opaque"]
    assert block.params["module"] == "Conv1d (conv)"
    report = check(found.graph, FACTS)
    (problem,) = report.errors
    assert problem.block == block.id
    assert "Conv1d (conv) was imported and cannot train here" in problem.sentence()
    assert "Put blocks that do the same in its place" in problem.sentence()
    assert chain(found.graph)[-1] == "next_token"


class TestTheFile:
    def test_it_is_not_run_without_leave(self, tmp_path: Path) -> None:
        path = tmp_path / "net.py"
        path.write_text(f"open({str(tmp_path / 'trace')!r}, 'w').write('ran')\n", "utf-8")
        with pytest.raises(ImportedError, match=r"its Python has to be run.*--run-python"):
            import_model(path)
        assert not (tmp_path / "trace").exists()

    def test_it_runs_in_another_process(self) -> None:
        imported = import_model(FILE, "CharLSTM", run_python=True)
        assert "torch_modules" not in importing.__dict__
        assert chain(imported.project.graph)[-1] == "next_token"
        assert imported.project.data.kind == "text"
        assert any("Weights are not carried over" in note for note in imported.notes)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("raise ValueError('no')", "it raised ValueError: no"),
            ("import os; os._exit(3)", "its process ended with code 3"),
            ("x = 1", "say which class to import"),
        ],
    )
    def test_what_goes_wrong_in_it_is_told(self, text: str, why: str, tmp_path: Path) -> None:
        path = tmp_path / "net.py"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ImportedError, match=r"net\.py") as caught:
            import_model(path, run_python=True)
        assert why in caught.value.sentence()

    def test_it_is_stopped_when_it_takes_too_long(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importing, "TIME_LIMIT_S", 0.2)
        path = tmp_path / "net.py"
        path.write_text("while True: pass\n", encoding="utf-8")
        with pytest.raises(ImportedError, match="was stopped"):
            import_model(path, run_python=True)

    def test_a_class_with_arguments_is_asked_for_otherwise(self) -> None:
        with pytest.raises(Exception, match="NeedsSize needs size"):
            _traced(FILE, "NeedsSize")
