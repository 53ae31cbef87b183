"""What is held is held inside the loop over time; nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqstudio.core.errors import RunError
from seqstudio.engine.inside.sites import operated, sites
from seqstudio.engine.inside.surgery import (
    held_batch,
    ranking,
    run_in_slices,
    surgery,
    touch_of,
)
from seqstudio.records.inside.gates import GatesOf, TextStatesOf
from seqstudio.records.inside.surgery import SurgeryOf, UnitRankingOf
from seqstudio.records.looking import Looked, LookFailed
from tests.engine.inside.looking import answers, last, small, subject

UNITS = (1, 4)


def site_of(one, part: str):
    return next(site for site in sites(one.model) if site.name.part == part)


def held_by_hand(cell, x: torch.Tensor, part: str, value: float) -> torch.Tensor:
    """Return h (T, N) of a loop written out with torch's own equations."""
    h = c = x.new_zeros(cell.hidden_size)
    rows = []
    for x_t in x:
        a = cell.weight_ih_l0 @ x_t + cell.bias_ih_l0
        b = cell.weight_hh_l0 @ h + cell.bias_hh_l0
        if cell.mode == "GRU":
            (ar, az, an), (br, bz, bn) = a.chunk(3), b.chunk(3)
            r, z = torch.sigmoid(ar + br), torch.sigmoid(az + bz)
            h = (1 - z) * torch.tanh(an + r * bn) + z * h
        elif cell.mode == "LSTM":
            i, f, g, o = (a + b).chunk(4)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            if part == "c":
                c[list(UNITS)] = value
            h = torch.sigmoid(o) * torch.tanh(c)
        else:
            h = torch.tanh(a + b)
        h = h.clone()
        if part == "h":
            h[list(UNITS)] = value
        rows.append(h)
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("template", "block", "part"),
    [
        ("char-rnn", "rnn", "h"),
        ("char-gru", "gru", "h"),
        ("char-lstm", "lstm", "h"),
        ("char-lstm", "lstm", "c"),
    ],
)
@pytest.mark.parametrize(("to", "value"), [("zero", 0.0), ("plus", 1.0), ("minus", -1.0)])
def test_holding_units_equals_a_loop_by_hand(template, block, part, to, value) -> None:
    one = subject(small(template))
    excerpt = one.excerpt(30)
    cell = one.model.module(block).cells[0]
    x = one.model.trace(excerpt.inputs)[2]["embedding", "out"][0]
    want = held_by_hand(cell, x, part, value)
    site = site_of(one, part)
    touch = touch_of(site, UNITS, to, torch.zeros(12, dtype=torch.float64))
    with torch.no_grad(), operated(site, touch):
        got = one.model.trace(excerpt.inputs)[2][block, "out"][0]
    np.testing.assert_allclose(got.numpy(), want.detach().numpy(), atol=1e-12)
    head = one.model.module(one.model.head)
    logits = head(want[None])
    loss = one.model.losses(logits, excerpt.targets)[0]
    reading = last(surgery(one, SurgeryOf(block, 0, False, part, UNITS, to, 30, written=0)))
    np.testing.assert_allclose(reading.after, loss.detach().numpy(), atol=1e-6)  # loss: float32


def test_opposite_turns_the_sign_inside_the_loop() -> None:
    one = subject(small("char-rnn"))
    site = site_of(one, "h")
    cell = one.model.module("rnn").cells[0]
    x = one.model.trace(one.excerpt(10).inputs)[2]["embedding", "out"][0]
    h = torch.zeros(12, dtype=torch.float64)
    turn = torch.ones(12, dtype=torch.float64)
    turn[list(UNITS)] = -1.0
    rows = []
    for x_t in x:
        a = cell.weight_ih_l0 @ x_t + cell.bias_ih_l0
        h = turn * torch.tanh(a + cell.weight_hh_l0 @ h + cell.bias_hh_l0)
        rows.append(h)
    touch = touch_of(site, UNITS, "opposite", turn)
    with torch.no_grad(), operated(site, touch):
        got = one.model.trace(one.excerpt(10).inputs)[2]["rnn", "out"][0]
    np.testing.assert_allclose(got.numpy(), torch.stack(rows).detach().numpy(), atol=1e-12)


def test_state_of_a_drawn_cell_is_held_at_every_step() -> None:
    one = subject(small("char-mgu"))
    site = site_of(one, "h")
    found = [one.model.trace(one.excerpt(20).inputs)[2]["cell", "out"]]
    mean = torch.zeros(site.name.units, dtype=torch.float64)
    touch = touch_of(site, UNITS, "plus", mean)
    with torch.no_grad(), operated(site, touch):
        found.append(one.model.trace(one.excerpt(20).inputs)[2]["cell", "out"])
    assert (found[1][..., list(UNITS)] == 1.0).all()
    others = [unit for unit in range(found[1].shape[-1]) if unit not in UNITS]
    assert torch.equal(found[0][:, 0, others], found[1][:, 0, others])
    assert not torch.allclose(found[0][:, 1:, others], found[1][:, 1:, others])


@pytest.mark.parametrize("template", ["char-rnn", "char-gru", "char-lstm", "char-mgu"])
def test_a_unit_that_nobody_reads_changes_nothing_at_all(template: str) -> None:
    one = subject(small(template))
    unit = 3
    with torch.no_grad():
        for name, parameter in one.model.named_parameters():
            if name.endswith(("weight_hh_l0", "state.weight", "linear.weight")):
                parameter[:, unit] = 0.0
    wish = SurgeryOf(part="h", units=(unit,), to="plus", steps=30, written=30)
    reading = last(surgery(one, wish))
    np.testing.assert_array_equal(reading.before, reading.after)
    np.testing.assert_array_equal(reading.p_before, reading.p_after)
    assert reading.held_before == reading.held_after
    assert reading.wrote_before == reading.wrote_after != ()


def test_a_head_that_nobody_reads_changes_nothing_at_all() -> None:
    one = subject(small("char-gpt", layers=2, heads=2, width=16))
    block = next(site for site in sites(one.model) if site.name.part == "heads")
    with torch.no_grad():
        block.module.out.weight[:, 8:] = 0.0
    name = block.name
    wish = SurgeryOf(name.block, 0, False, "heads", (1,), "zero", 20, 0)
    reading = last(surgery(one, wish))
    np.testing.assert_array_equal(reading.before, reading.after)
    other = last(surgery(one, SurgeryOf(name.block, 0, False, "heads", (0,), "zero", 20, 0)))
    assert np.abs(other.before - other.after).max() > 1e-4


@pytest.mark.parametrize("part", ["residual", "neurons"])
def test_residual_and_neurons_of_a_transformer_are_held(part: str) -> None:
    one = subject(small("char-gpt", layers=2, heads=2, width=16))
    site = site_of(one, part)
    touch = touch_of(site, (2,), "plus", torch.zeros(site.name.units, dtype=torch.float64))
    block = one.model.module(site.name.block).blocks[0]
    read = []
    probe = (
        one.model.module(site.name.block)
        .blocks[1]
        .register_forward_pre_hook(lambda _module, args: read.append(args[0]))
    )
    with torch.no_grad(), operated(site, touch):
        one.model(one.excerpt(10).inputs)
    one.model(one.excerpt(10).inputs)
    probe.remove()
    if part == "residual":
        assert (read[0][..., 2] == 1.0).all()
        others = [0, 1, *range(3, 16)]
        assert torch.equal(read[0][..., others], read[1][..., others])
    else:  # a neuron adds its outgoing weights, times the change, to what leaves the block
        change = (read[0] - read[1])[0]
        weights = block.down.weight[:, 2]
        along = change @ weights / (weights @ weights)
        np.testing.assert_allclose(
            change.detach(), torch.outer(along, weights).detach(), atol=1e-12
        )
    found = last(surgery(one, SurgeryOf(site.name.block, 0, False, part, (2,), "plus", 10, 0)))
    assert found.values.shape == (10, 1)
    assert np.abs(found.before - found.after).max() > 0


def test_surgery_leaves_weights_and_model_as_they_were() -> None:
    for template in ("char-lstm", "char-gpt", "char-mgu"):
        one = subject(small(template, layers=1, heads=2))
        kept = {name: value.clone() for name, value in one.model.state_dict().items()}
        plain = one.model(one.excerpt(20).inputs)[0]
        last(surgery(one, SurgeryOf(units=(1,), to="mean", steps=20, written=5)))
        if template != "char-mgu":  # a hundred and ninety-two units in one layer take their time
            last(ranking(one, UnitRankingOf(rows=1, steps=8)))
        assert all(torch.equal(kept[n], value) for n, value in one.model.state_dict().items())
        assert all(not m._forward_hooks and not m._forward_pre_hooks for m in one.model.modules())
        assert all("forward" not in vars(module) for module in one.model.modules())
        assert torch.equal(plain, one.model(one.excerpt(20).inputs)[0])


def test_mean_is_that_of_the_held_out_text() -> None:
    one = subject(small("char-gru"))
    reading = last(surgery(one, SurgeryOf(units=(2,), to="mean", steps=20, written=0)))
    batch = held_batch(one, 8, 128)
    output = one.model.trace(batch.inputs)[2]["gru", "out"]
    site = site_of(one, "h")
    touch = touch_of(site, (2,), "mean", output.mean((0, 1)))
    with torch.no_grad(), operated(site, touch):
        logits = one.model(one.excerpt(20).inputs)[0]
    want = one.model.losses(logits, one.excerpt(20).targets)[0]
    np.testing.assert_allclose(reading.after, want.detach().numpy(), atol=1e-6)


def test_ranking_is_the_loss_of_one_unit_at_a_time() -> None:
    one = subject(small("char-lstm"))
    found = last(ranking(one, UnitRankingOf("lstm", 0, False, "h", "zero", 2, 16)))
    batch = held_batch(one, 2, 16)
    site = site_of(one, "h")
    mean = torch.zeros(12, dtype=torch.float64)
    with torch.no_grad():
        base = one.model.losses(one.model(batch.inputs)[0], batch.targets).mean()
        for unit in range(12):
            with operated(site, touch_of(site, (unit,), "zero", mean)):
                logits = one.model(batch.inputs)[0]
            loss = one.model.losses(logits, batch.targets).mean()
            assert found.increase[unit] == pytest.approx(float(loss - base), abs=1e-5)
    assert found.base == pytest.approx(float(base), abs=1e-5)  # losses are float32
    assert found.count == batch.targets.numel()


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt"])
def test_a_run_in_slices_is_the_whole_run(template: str, monkeypatch) -> None:
    one = subject(small(template, layers=1, heads=2))
    batch = held_batch(one, 3, 24)
    flop = 2 * one.model.parameter_count() * 3 * 7
    monkeypatch.setattr("seqstudio.engine.inside.surgery.SLICE_FLOP", flop)
    site = sites(one.model)[0]
    mean = torch.zeros(site.name.units, dtype=torch.float64)
    touch = touch_of(site, (0,), "plus", mean)
    pieces = run_in_slices(one.model, site, touch, batch.inputs)
    count, got = 0, None
    with torch.no_grad():
        try:
            while True:
                next(pieces)
                count += 1
        except StopIteration as end:
            got = end.value
        with operated(site, touch):
            want = one.model(batch.inputs)[0]
    assert count == 4
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-10)


def test_the_same_chances_write_the_same_text_without_an_operation() -> None:
    one = subject(small("char-gru"))
    reading = last(surgery(one, SurgeryOf(steps=20, written=25, seed=3)))
    assert reading.wrote_before == reading.wrote_after
    assert len(reading.wrote_before) == 25
    np.testing.assert_array_equal(reading.before, reading.after)
    other = last(surgery(one, SurgeryOf(steps=20, written=25, seed=4)))
    assert other.wrote_before != reading.wrote_before


def test_a_unit_that_is_not_there_is_refused() -> None:
    one = subject(small("char-gru"))
    with pytest.raises(RunError, match="no unit 99"):
        last(surgery(one, SurgeryOf(units=(99,))))


@pytest.mark.parametrize(
    "template",
    [
        "shapes-vit",
        "reverse-attention",
        "bert-mini",
        "tagger-bilstm",
        "adding-lstm",
        "forecast-lstm",
    ],
)
def test_models_of_every_kind_are_operated_on(template: str) -> None:
    project = small(template, layers=1)
    (*_, told) = answers(project, SurgeryOf(units=(1,), to="plus", steps=16, written=4), "")
    assert isinstance(told, Looked)
    found = told.reading
    assert np.isfinite([found.held_before, found.held_after]).all()
    assert found.held_before != found.held_after
    assert found.wrote_after == ()
    (*_, told) = answers(project, TextStatesOf(16), "")
    assert all(len(each.values) == len(told.reading.tokens) for each in told.reading.layers)
    (*_, told) = answers(project, UnitRankingOf(rows=1, steps=8), "")
    assert np.isfinite(told.reading.increase).all()


def test_a_text_of_two_characters_has_one_step() -> None:
    project = small("char-lstm")
    (*_, told) = answers(project, SurgeryOf(units=(1,), written=3), "ab")
    assert told.reading.before.shape == (1,)
    assert len(told.reading.wrote_after) == 3
    (*_, told) = answers(project, GatesOf(decay=True), "ab")
    assert told.reading.traces[0].values.shape == (1, 12)
    (*_, told) = answers(project, TextStatesOf(), "a")
    assert isinstance(told, LookFailed)
    assert told.what == "The text is too short to look at"


def test_a_long_text_is_cut_and_unknown_characters_are_told() -> None:
    (*_, told) = answers(small("char-lstm"), SurgeryOf(written=0), "the \u4e2d cat " * 1000)
    assert len(told.reading.tokens) == 128
    assert told.reading.cut > 8000
    assert told.reading.skipped == ("\u4e2d",)
