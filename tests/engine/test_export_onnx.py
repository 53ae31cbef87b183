"""ONNX files give torch's predictions, at other sizes than those they were traced with too."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqstudio.engine.exchange import onnx_export
from seqstudio.engine.exchange.onnx_export import (
    OnnxError,
    OnnxModel,
    missing_packages,
    onnx_model,
)
from seqstudio.engine.inputs import as_inputs
from seqstudio.engine.model import GraphModel
from tests.engine.exported import drawn, facts, small

installed = pytest.mark.skipif(
    bool(missing_packages()), reason=f"not installed: {', '.join(missing_packages())}"
)


def exported(template: str, window: int = 12) -> OnnxModel:
    project, dataset = small(template)
    project = replace(project, training=replace(project.training, window=window))
    model = GraphModel(project.graph, facts(project, dataset))
    return onnx_model(model, as_inputs(drawn(project, dataset)))


@installed
@pytest.mark.parametrize("template", ["order-dense", "order-bag"])
def test_a_model_runs_in_onnxruntime_for_any_number_of_rows_and_steps(template: str) -> None:
    found = exported(template)
    assert found.difference <= 1e-4
    assert len(found.content) > 1_000
    assert found.notes == ()


@installed
def test_a_loop_over_time_is_told_with_its_size() -> None:
    found = exported("char-mgu", window=4)
    assert found.difference <= 1e-4
    (note,) = found.notes
    assert "inputs of 4 only" in note
    assert "Minimal gated unit" in note


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "PACKAGES", ("no_such_package",))
    project, dataset = small("hello-rnn")
    model = GraphModel(project.graph, facts(project, dataset))
    with pytest.raises(OnnxError, match=r"no_such_package is not installed.*seqstudio\[onnx\]"):
        onnx_model(model, as_inputs(drawn(project, dataset)))


@installed
def test_a_block_that_cannot_be_told_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    project, dataset = small("order-bag")
    model = GraphModel(project.graph, facts(project, dataset)).eval()
    key = next(node.name for node in model.nodes if node.kind == "mean_time")

    def by_numbers(x: torch.Tensor) -> torch.Tensor:
        return x.mean(1) if x.sum() > 0 else x[:, -1]

    monkeypatch.setattr(model.blocks[key], "forward", by_numbers)
    with pytest.raises(OnnxError, match="Mean over time cannot be told in ONNX"):
        onnx_model(model, as_inputs(drawn(project, dataset)))
