"""The plain loops that we are measured against do the same work as we do."""

from __future__ import annotations

import pytest
import torch

from seqstudio.bench.flow import make_loops, relative
from seqstudio.bench.peers import PlainLoop, copy_weights, write_again, write_stateful
from seqstudio.bench.subjects import (
    KINDS,
    OurTrainer,
    Sizes,
    losses_of,
    make_pair,
    make_project,
    text,
    threads,
    writing_models,
)
from seqstudio.bench.training import CHECKED_STEPS, TOLERANCE, difference
from seqstudio.bench.writing import our_writer, prompt_of

SMALL = Sizes(
    embedding=8, hidden=16, layers=2, batch=4, window=12, width=16, blocks=2, heads=2,
    gpt_batch=3, context=12,
)  # fmt: skip


def apart(ours: OurTrainer, peer: PlainLoop) -> float:
    """Return the largest difference of two weights."""
    pairs = zip(ours.trainer.model.parameters(), peer.model.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_train_alike(kind: str, precision: str) -> None:
    ours, peer = make_pair(kind, SMALL, text(), precision, 1)
    assert apart(ours, peer) == 0.0
    first, second = losses_of(ours, peer, CHECKED_STEPS)
    assert len(set(first)) == CHECKED_STEPS
    assert difference(first, second) <= TOLERANCE[precision]
    assert apart(ours, peer) <= TOLERANCE[precision]


@pytest.mark.parametrize("kind", KINDS)
def test_both_models_are_the_same_function(kind: str) -> None:
    ours, plain = writing_models(kind, SMALL, text())
    ids = torch.randint(50, (3, 2, SMALL.window))
    state = before = None
    with torch.no_grad():
        for part in ids:  # the second and third part go on from the states of the one before
            logits, state = ours.double()(part, state)
            expected, before = plain.double()(part, before)
            assert torch.allclose(logits, expected, rtol=0, atol=1e-6 if kind == "gpt" else 1e-12)


def test_the_check_sees_another_learning_rate() -> None:
    ours, peer = make_pair("lstm", SMALL, text(), "float32", 1)
    peer.settings = peer.settings.with_value("learning_rate", 3e-2)
    first, second = losses_of(ours, peer, CHECKED_STEPS)
    assert difference(first, second) > TOLERANCE["float32"]


def test_a_row_of_losses_that_is_too_short_differs() -> None:
    assert difference([1.0, 2.0], [1.0]) == float("inf")


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        copy_weights(torch.nn.Linear(2, 3), torch.nn.Linear(3, 3))


def test_a_trainer_without_side_work_does_steps_only() -> None:
    project = make_project("rnn", SMALL, precision="float32", threads=1)
    trainer = OurTrainer(project, text(), probes=False, side_work=False)
    assert sum(trainer.step() for _ in range(5)) == 5 * SMALL.batch * SMALL.window
    assert trainer.trainer.step == 5


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("rows", [1, SMALL.batch])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_both_sides_show_the_same_gradients(kind: str, rows: int) -> None:
    sizes = Sizes(**{**vars(SMALL), "dropout": 0.0})
    ours, peer = make_loops(kind, sizes, text(), rows)
    for _ in range(3):
        ours.step()
        peer.step()
    assert ours.norms.shape == (SMALL.layers, SMALL.window)
    assert ours.norms.min() > 0
    assert relative(ours.norms, peer.norms.numpy()) < 1e-4


def test_a_recurrent_model_writes_the_same_text() -> None:
    dataset = text()
    model, plain = writing_models("lstm", SMALL, dataset)
    assert dataset.vocabulary is not None
    ours = our_writer(model, dataset.vocabulary)(prompt_of(4), 30, 0.0)
    assert ours == write_stateful(plain, prompt_of(4), 30, 0.0)
    assert len(set(ours)) > 1


def test_a_transformer_writes_the_same_text_while_its_window_lasts() -> None:
    dataset = text()
    model, plain = writing_models("gpt", SMALL, dataset)
    assert dataset.vocabulary is not None
    ours = our_writer(model, dataset.vocabulary)(prompt_of(4), SMALL.context - 4, 0.0)
    assert ours == write_again(plain, prompt_of(4), SMALL.context - 4, 0.0)
