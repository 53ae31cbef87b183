"""Units over a text against single steps, whole passes and cells taken apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.engine.inside.cells import read
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.units import unit_sites
from seqstudio.records.inside.cells import PAGE, Cells, CellsOf
from seqstudio.records.looking import LookAt, Looked, LookFailed
from seqstudio.runtime.codec import pack, unpack

CODE = 'def f(a):\n    if a in (1, 2):\n        return "x"  # why\n' * 4


_WHERE: dict[str, Path] = {}


@pytest.fixture(autouse=True, scope="module")
def corpus(tmp_path_factory):
    """Write a small text to learn from: opening Python's library takes longer than the tests."""
    _WHERE["code"] = tmp_path_factory.mktemp("cells") / "code.py"
    _WHERE["code"].write_text("#!?\n" + "import os\n\n" + CODE * 60 + "zebra, return 'x' while\n")


def small(template: str, **params: object):
    plain = make(template, str(_WHERE["code"]) if template.startswith("char") else "")
    wanted = {"hidden": 12, "width": 16, "heads": 2, "layers": 2, **params}
    blocks = {}
    for block in plain.graph:
        mine = {name: value for name, value in wanted.items() if name in block.params}
        blocks[block.id] = replace(block, params={**block.params, **mine})
    training = replace(plain.training, window=32)
    graph = replace(plain.graph, blocks={**plain.graph.blocks, **blocks})
    return replace(plain, graph=graph, training=training)


def asked(project, question: object, text: str = CODE) -> tuple[list[Looked | LookFailed], Looker]:
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(project), "", text=text))
    found = []
    while looker.busy:
        told = looker.advance()
        if told is not None:
            found.append(told)
    return found, looker


def last_reading(project, question: object, text: str = CODE) -> tuple[Cells, Looker]:
    found, looker = asked(project, question, text)
    assert isinstance(found[-1], Looked), found[-1]
    assert found[-1].done
    reading = unpack(pack(found[-1].reading))
    assert isinstance(reading, Cells)
    return reading, looker


def subject_of(looker: Looker, text: str = CODE):
    (subject,) = looker._models.values()
    return replace(subject, text=text)


def by_steps(subject, text: str) -> dict[str, np.ndarray]:
    """Return every gate and state of a one-layer model by torch's own step-by-step formulas."""
    model = subject.model
    block = next(n.block for n in model.nodes if n.memory == "state")
    cell = model.module(block).cells[0]
    size, kept = cell.hidden_size, {}
    ids = torch.from_numpy(subject.dataset.vocabulary.encode(text).astype(np.int64))
    with torch.no_grad():
        _, _, values = model.trace(ids[None])
        x = values[next(n for n in model.nodes if n.block == block).reads[0]][0]
        h = c = torch.zeros(size)
        for x_t in x:
            from_x = cell.weight_ih_l0 @ x_t + cell.bias_ih_l0
            from_h = cell.weight_hh_l0 @ h + cell.bias_hh_l0
            if cell.mode == "LSTM":
                i, f, g, o = (from_x + from_h).split(size)
                i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
                c = f * c + i * g
                h = o * c.tanh()
                now = {"i": i, "f": f, "g": g, "o": o, "c": c, "h": h}
            elif cell.mode == "GRU":
                (xr, xz, xn), (hr, hz, hn) = from_x.split(size), from_h.split(size)
                r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
                n = (xn + r * hn).tanh()
                h = (1 - z) * n + z * h
                now = {"r": r, "z": z, "n": n, "h": h}
            else:
                h = (from_x + from_h).tanh()
                now = {"h": h}
            for name, value in now.items():
                kept.setdefault(name, []).append(value.numpy())
    return {name: np.stack(values) for name, values in kept.items()}


@pytest.mark.parametrize("template", ["char-rnn", "char-lstm", "char-gru"])
def test_every_state_of_a_streamed_text_equals_the_formulas(template: str) -> None:
    project = small(template, layers=1)
    _, looker = last_reading(project, CellsOf())
    subject = subject_of(looker)
    want = by_steps(subject, CODE)
    (site,) = unit_sites(subject.model)
    if "c" in want:
        want["tanh c"] = np.tanh(want["c"])
    assert set(site.tap.states) == set(want)
    for state, values in want.items():
        with torch.no_grad():
            *_, activity = read(subject, site, state, 1000)
        np.testing.assert_allclose(activity.x, values, atol=2e-5)
        assert activity.read == len(CODE) > 64, "it took several pieces"


def test_a_peephole_layer_and_both_directions_are_read() -> None:
    project = small("char-lstm", layers=1, peepholes=True)
    reading, looker = last_reading(project, CellsOf(state="h"))
    made, _ = last_reading(project, CellsOf(state="c"))
    gate, _ = last_reading(project, CellsOf(state="o"))
    np.testing.assert_allclose(np.tanh(made.values) * gate.values, reading.values, atol=2e-5)
    subject = subject_of(looker)
    assert isinstance(unit_sites(subject.model)[0].tap.cell, nn.Module)


def test_tagger_reads_examples_in_both_directions() -> None:
    project = small("tagger-bilstm", layers=1)
    reading, looker = last_reading(project, CellsOf(steps=300, state="h", layer=1), text="")
    assert len(reading.rows) > 5
    assert reading.places[0].title.endswith("forwards")
    assert reading.places[1].title.endswith("backwards")
    subject = subject_of(looker, "")
    block = reading.places[0].block
    (row, start), end = (0, reading.rows[0]), reading.rows[1]
    text = "".join(reading.tokens[start:end])
    ids = torch.from_numpy(subject.dataset.vocabulary.encode(text).astype(np.int64))[None]
    seen = {}
    handle = subject.model.module(block).register_forward_hook(
        lambda _m, _a, out: seen.update(y=out[0])
    )
    with torch.no_grad():
        subject.model(ids)
    handle.remove()
    backwards = seen["y"][row, :, 12:].numpy().T
    np.testing.assert_allclose(reading.values[:, start:end], backwards, atol=2e-5)


def test_transformer_is_read_in_windows_that_overlap_by_half() -> None:
    project = small("char-gpt")
    reading, looker = last_reading(project, CellsOf(steps=120, layer=1), text=CODE)
    assert reading.window == 32
    assert reading.state == "resid"
    subject = subject_of(looker)
    ids = torch.from_numpy(subject.dataset.vocabulary.encode(CODE).astype(np.int64))[:120]
    seen = {}
    block = subject.model.module(reading.places[1].block).blocks[1]
    for start, first, last in ((0, 0, 32), (16, 32, 48), (80, 96, 112), (88, 112, 120)):
        handle = block.register_forward_hook(lambda _m, _a, out: seen.update(y=out[0]))
        with torch.no_grad():
            subject.model(ids[None, start : start + 32])
        handle.remove()
        want = seen["y"][0, first - start : last - start].numpy().T
        np.testing.assert_allclose(reading.values[:, first:last], want, atol=1e-4)
    neurons, _ = last_reading(project, CellsOf(steps=64, state="mlp"))
    assert neurons.total == 64
    assert neurons.values.min() >= -0.18, "GELU is never lower"


def test_drawn_cell_shows_states_and_gates() -> None:
    project = make("char-mgu", str(_WHERE["code"]))
    reading, looker = last_reading(project, CellsOf(state="f"))
    assert set(reading.places[0].states) == {"h", "f", "n"}
    assert not reading.signed
    assert 0 <= reading.values.min() <= reading.values.max() <= 1
    subject = subject_of(looker)
    (site,) = unit_sites(subject.model)
    with torch.no_grad():
        parts = {}
        for state in ("h", "f", "n"):
            *_, activity = read(subject, site, state, 100)
            parts[state] = activity.x
    before, f = parts["h"][:-1], parts["f"][1:]
    np.testing.assert_allclose(parts["h"][1:], before + f * (parts["n"][1:] - before), atol=1e-5)


def test_units_that_were_found_come_along_with_their_values() -> None:
    reading, _ = last_reading(small("char-lstm", layers=1, hidden=40), CellsOf())
    assert reading.state == "c"
    assert reading.total == 40
    names = {score.name for score in reading.best}
    assert {"quote", "comment", "depth", "column", "newline", "if"} <= names
    assert [score.held for score in reading.best] == sorted(
        (score.held for score in reading.best), reverse=True
    )
    assert set(reading.units[:PAGE]) == set(range(PAGE))
    for score in reading.best:
        assert score.unit in reading.units
        assert abs(score.score) <= 1.0001
        assert 0 < score.p <= 1
    page, _ = last_reading(small("char-lstm", layers=1, hidden=40), CellsOf(page=1))
    assert set(range(32, 40)) <= set(page.units)


def test_ranking_by_a_pattern_and_by_a_brush() -> None:
    project = small("char-lstm", layers=1)
    reading, _ = last_reading(project, CellsOf(pattern="column"))
    ranking = reading.ranking
    assert ranking is not None
    assert ranking.checked
    x, _ = last_reading(project, CellsOf())
    half = reading.search
    y = reading.pattern
    best = ranking.units[0]
    values = x.values[list(x.units).index(best.unit)]
    assert best.score == pytest.approx(np.corrcoef(values[:half], y[:half])[0, 1], abs=1e-4)
    want = np.corrcoef(values[half:], y[half:])[0, 1] * np.sign(best.score)
    assert best.held == pytest.approx(want, abs=1e-4)

    first = CODE.index("return")
    brushed, _ = last_reading(project, CellsOf(first=first, last=first + 5))
    ranking = brushed.ranking
    assert ranking is not None
    assert (ranking.title, ranking.count, ranking.checked) == ("return", 4, True)
    assert ranking.like == "syntax keyword"
    assert brushed.pattern.sum() == 24
    once, _ = last_reading(project, CellsOf(first=3, last=60))
    assert once.ranking is not None
    assert (once.ranking.count, once.ranking.checked) == (2, True)


def test_an_unknown_pattern_is_refused_with_the_known_ones() -> None:
    found, _ = asked(small("char-lstm"), CellsOf(pattern="quotes"))
    assert isinstance(found[-1], LookFailed)
    assert "quote, comment" in found[-1].hint


def test_a_phrase_that_stands_once_is_told_and_not_checked() -> None:
    text = CODE + "zebra" + CODE[:30]
    at = text.index("zebra")
    reading, _ = last_reading(small("char-lstm"), CellsOf(first=at, last=at + 4), text=text)
    ranking = reading.ranking
    assert ranking is not None
    assert (ranking.count, ranking.checked) == (1, False)
    assert np.isnan(ranking.units[0].held)
    whole, _ = last_reading(small("char-lstm"), CellsOf(first=0, last=10_000), text=text)
    assert whole.ranking is not None
    assert whole.ranking.units == ()


def test_unknown_characters_are_named_and_one_token_is_shown() -> None:
    reading, _ = last_reading(small("char-lstm"), CellsOf(), text="a\u4e2d")
    assert reading.skipped == ("\u4e2d",)
    assert reading.tokens == ("a",)
    assert reading.values.shape[1] == 1
    assert reading.best == ()
    found, _ = asked(small("char-lstm"), CellsOf(), text="\u4e2d")
    assert isinstance(found[0], LookFailed)
    assert "\u4e2d" in found[0].why


def test_ten_thousand_tokens_come_in_parts_and_no_more_are_read() -> None:
    text = (CODE * 100)[:12_000]
    found, _ = asked(small("char-rnn", layers=1), CellsOf(steps=20_000), text=text)
    shares = [each.reading.read for each in found if isinstance(each, Looked)]
    assert shares == sorted(shares)
    assert 2000 < shares[0] < 10_000
    last = found[-1].reading
    assert (last.read, len(last.tokens), last.cut) == (10_000, 10_000, 2_000)
    assert np.isnan(found[0].reading.values).any()
    assert not np.isnan(last.values).any()


def test_models_without_time_say_what_they_would_need() -> None:
    (told,), _ = asked(make("shapes-vit"), CellsOf(), text="")
    assert isinstance(told, LookFailed)
    assert "picture" in told.why
    assert told.hint


def test_music_and_numbers_are_read() -> None:
    tunes, _ = last_reading(small("abc-lstm", layers=1), CellsOf(steps=1500), text="")
    assert {"bar", "pitch", "pitch-class", "phrase-end"} <= {score.name for score in tunes.best}
    numbers, _ = last_reading(small("adding-lstm"), CellsOf(steps=400), text="")
    assert numbers.best == ()
    assert len(numbers.rows) == 4
    assert numbers.tokens[1] == "1 "
    frames, _ = last_reading(small("frames-lstm"), CellsOf(steps=64), text="")
    keys = {key for token in frames.tokens for key in token.strip().split("+")}
    assert {"C4", "D5"} & keys
    assert all(key == "–" or key[-1].isdigit() for key in keys)


def test_held_out_text_knows_what_was_open_before_it() -> None:
    from seqstudio.engine.inside.sheets import sheet_of

    _, looker = last_reading(small("char-rnn", layers=1), CellsOf(steps=500), text="")
    subject = subject_of(looker, "")
    sheet = sheet_of(subject, 500)
    assert sheet.before.startswith(("def ", "class ", "import "))
    data = subject.dataset
    assert data.vocabulary.decode(data.train).endswith(sheet.before)
    assert "".join(sheet.tokens) == data.vocabulary.decode(data.valid[:500])
