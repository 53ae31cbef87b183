"""The T x T map against autograd, asked as a window asks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.engine.inside.looker import Looker
from seqstudio.records.inside.cells import CellsOf
from seqstudio.records.inside.gradients import TimeMap, TimeMapOf
from seqstudio.records.looking import LookAt, Looked, LookFailed

TEXT = "the cat sat on the mat"


def answers(template: str, question: object, text: str = TEXT) -> list[Looked | LookFailed]:
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(make(template)), "", text=text))
    found = []
    while looker.busy:
        told = looker.advance()
        if told is not None:
            found.append(told)
    return found


def subject_of(looker: Looker):
    (subject,) = looker._models.values()
    return subject


@pytest.mark.parametrize("template", ["char-rnn", "char-lstm", "char-gru"])
def test_map_equals_one_backward_pass_a_loss(template: str) -> None:
    looker = Looker()
    text = project_text(make(template))
    looker.wish(LookAt(1, "here", TimeMapOf(16), text, "", text=TEXT))
    told = next(answer for answer in iter(looker.advance, looker) if answer is not None)
    assert isinstance(told, Looked)
    assert told.done
    reading = told.reading
    assert isinstance(reading, TimeMap)
    want = by_autograd(subject_of(looker).model, subject_of(looker), reading)
    lower = np.tril_indices(len(reading.targets))
    np.testing.assert_allclose(reading.log10_h[lower], want[lower], atol=2e-4)
    assert np.isnan(reading.log10_h[np.triu_indices(len(reading.targets), 1)]).all()
    assert reading.difference < 1e-5, "the rows add up to the total, as vectors"
    sum_of_norms = np.nansum(10**reading.log10_h, axis=0)
    assert (reading.total_h < sum_of_norms * 1.001).all(), "norms do not add"
    assert reading.total_h[0] < 0.999 * sum_of_norms[0]


def by_autograd(model, subject, reading: TimeMap) -> np.ndarray:
    """Return log10 |dl_k/dh_t| with the layer taken apart step by step."""
    from dataclasses import replace

    excerpt = replace(subject, text=TEXT).excerpt(16)
    states: list[torch.Tensor] = []
    block = model.module(reading.block)
    cell = next(part for part in list(block.modules())[::-1] if isinstance(part, torch.nn.RNNBase))

    def apart(module, args, _output):
        x, state = args[0], None
        outputs = []
        for t in range(x.shape[1]):
            handle.remove()
            _y, state = module(x[:, t : t + 1], state)
            first = state[0] if isinstance(state, tuple) else state
            first.requires_grad_(True) if first.is_leaf else first.retain_grad()
            states.append(first)
            outputs.append(first.transpose(0, 1))
        return torch.cat(outputs, 1), state

    with torch.enable_grad():
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        handle = cell.register_forward_hook(apart)
        losses = model.losses(model(excerpt.inputs)[0], excerpt.targets)[0]
        size = len(reading.targets)
        rows = np.full((size, size), np.nan)
        for k in range(size):
            found = torch.autograd.grad(losses[k], states[: k + 1], retain_graph=True)
            rows[k, : k + 1] = [float(each.double().norm().log10()) for each in found]
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return rows


def test_a_model_without_memory_says_what_it_would_need() -> None:
    (told,) = answers("char-gpt", TimeMapOf())
    assert isinstance(told, LookFailed)
    assert "no recurrent layer" in told.why


def test_text_of_unknown_characters_is_refused_with_words() -> None:
    (told,) = answers("char-rnn", TimeMapOf(), text="\u4e2d\u6587")
    assert isinstance(told, LookFailed)
    assert told.what == "The text is too short to look at"


def test_a_look_that_has_begun_is_answered_though_the_model_is_let_go() -> None:
    looker, text = Looker(), project_text(make("char-rnn"))
    looker.wish(LookAt(1, "here", CellsOf(200), text, "", text=TEXT * 12))
    first = looker.advance()
    assert first is None or not first.done, "it comes in slices"
    looker.forget()
    found = []
    while looker.busy:
        told = looker.advance()
        found += [told] if told is not None else []
    assert isinstance(found[-1], Looked)
    assert (found[-1].request, found[-1].done) == (1, True)
