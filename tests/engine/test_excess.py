"""Models that cannot fit are refused in words, before their memory is touched."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.core.errors import GraphError, SeqError
from seqstudio.document.project import Project, parse_project, project_text
from seqstudio.engine.devices import memory_of
from seqstudio.engine.trainer import Trainer
from seqstudio.records.messages import Start


def opened(project: Project) -> Trainer:
    start = Start("run", project_text(project), "", "", device="cpu", probes=False)
    return Trainer.open(start, lambda _event: None)


def with_block(project: Project, key: str, **params: int) -> Project:
    block = project.graph.blocks[key]
    changed = replace(block, params={**block.params, **params})
    return project.with_graph(project.graph.with_block(changed))


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_the_memory_of_this_computer_is_known() -> None:
    assert memory_of(torch.device("cpu")) > 2**28


def test_a_batch_that_cannot_fit_is_refused_by_its_block() -> None:
    project = with_block(make("char-lstm"), "embedding", width=8192)
    training = replace(project.training, batch=4096, window=4096)
    before = peak_mb()
    with pytest.raises(GraphError) as caught:
        opened(replace(project, training=training))
    assert "memory" in caught.value.what
    assert "most goes into" in caught.value.why
    assert "batch" in caught.value.hint
    assert peak_mb() - before < 500


def test_too_many_numbers_to_learn_are_refused_by_the_check() -> None:
    project = with_block(make("char-lstm"), "lstm", hidden=16384, layers=32)
    before = peak_mb()
    with pytest.raises(GraphError, match="numbers to learn"):
        opened(project)
    assert peak_mb() - before < 500


def test_a_width_out_of_range_in_a_file_is_named() -> None:
    text = project_text(make("char-lstm")).replace('"hidden": 512', '"hidden": 1000000000')
    with pytest.raises(SeqError) as caught:
        opened(parse_project(text))
    assert "Hidden units" in caught.value.sentence()
    assert "16,384" in caught.value.sentence()
