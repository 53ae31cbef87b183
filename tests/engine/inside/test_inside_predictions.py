"""Predictions, logit lens and beam search against the model and exhaustive search."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.document.project import project_text
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.looker import Looker
from seqstudio.engine.inside.subject import Excerpt, Subject
from seqstudio.insight.choosing import next_probabilities
from seqstudio.records.inside.predictions import (
    Answers,
    BeamOf,
    BeamTree,
    Outlook,
    Predictions,
    PredictionsOf,
)
from seqstudio.records.looking import LookAt, Looked, LookFailed

TEXT = "the cat sat on the mat, and the dog sat on the log.\n" * 4


def asked(template: str, question: object, text: str = "") -> tuple[Subject, Looked | LookFailed]:
    """Ask an untrained model; return it with the answer."""
    looker = Looker()
    looker.wish(LookAt(1, "here", question, project_text(make(template)), "", text=text))
    found = []
    while looker.busy:
        told = looker.advance()
        if told is not None:
            found.append(told)
    (subject,) = looker._models.values()
    return replace(subject, text=text), found[-1]


def excerpt_of(subject: Subject, most: int = 600) -> Excerpt:
    return subject.excerpt(most)


def seen(subject: Subject, most: int = 600) -> torch.Tensor:
    """Logits of one pass over the whole text, in one piece."""
    return subject.model(subject.excerpt(most).inputs)[0][0].double()


@pytest.mark.parametrize("template", ["char-rnn", "char-mgu"])
def test_a_text_in_pieces_has_the_distributions_of_one_pass(template: str) -> None:
    subject, told = asked(template, PredictionsOf(), TEXT)
    reading = told.reading
    assert isinstance(reading, Predictions)
    logits = seen(subject)
    p = logits.softmax(-1).numpy()
    steps = np.arange(len(p))
    np.testing.assert_allclose(reading.logits, logits.numpy(), atol=1e-5)
    np.testing.assert_allclose(reading.p, np.sort(p)[:, ::-1][:, :5], atol=1e-6)
    np.testing.assert_allclose(reading.true_p, p[steps, reading.true], atol=1e-6)
    np.testing.assert_allclose(reading.entropy, -(p * np.log2(p)).sum(1), atol=1e-5)
    assert "".join(reading.symbols[i] for i in reading.true) == TEXT[1:]
    assert "".join(reading.tokens) == TEXT[:-1]


def test_loss_of_the_shown_probabilities_is_the_loss_of_the_model() -> None:
    subject, told = asked("char-rnn", PredictionsOf(), TEXT)
    excerpt = excerpt_of(subject)
    want = subject.model.losses(subject.model(excerpt.inputs)[0], excerpt.targets)[0]
    np.testing.assert_allclose(-np.log(told.reading.true_p), want.numpy(), atol=1e-5)


def test_a_uniform_distribution_has_log2_v_bits() -> None:
    from seqstudio.engine.inside.predictions import _Measured

    measured = _Measured()
    measured.add(torch.zeros(1, 8), torch.tensor([3]), 3)
    measured.add(torch.tensor([[0.0, np.log(3.0)] + [-np.inf] * 6]), torch.tensor([-1]), 3)
    found = torch.cat(measured.entropy)
    np.testing.assert_allclose(found, [3.0, 2.0 - 0.75 * np.log2(3.0)], atol=1e-7)
    assert torch.cat(measured.true_p).isnan().tolist() == [False, True]


def test_attention_sees_its_window_and_at_least_half_of_it_in_a_longer_text() -> None:
    text = TEXT * 2
    subject, told = asked("char-attention", PredictionsOf(), text)
    window = subject.model.facts.window
    ids = subject.excerpt(600).inputs.main
    assert ids.shape[1] > 1.5 * window
    first = subject.model(Inputs(ids[:, :window]))[0][0]
    np.testing.assert_allclose(told.reading.logits[:window], first.numpy(), atol=1e-5)
    half = window // 2
    second = subject.model(Inputs(ids[:, half : half + window]))[0][0]
    np.testing.assert_allclose(
        told.reading.logits[window : window + half], second[-half:].numpy(), atol=1e-5
    )


def test_the_last_layer_of_the_lens_is_the_output_and_the_others_are_the_residual_stream() -> None:
    subject, told = asked("char-gpt", PredictionsOf(), TEXT[:80])
    reading = told.reading
    assert reading.lens is not None
    names = reading.lens.names
    assert names == ("embedding", *(f"transformer, layer {i}" for i in (1, 2, 3, 4)))
    np.testing.assert_array_equal(reading.lens.best[-1], reading.best)
    np.testing.assert_allclose(reading.lens.p[-1], reading.p, atol=1e-7)
    model, x = subject.model, subject.excerpt(80).inputs.main
    stream = model.module("embedding")(x)
    for block in model.module("transformer").blocks[:2]:
        stream, _ = block(stream)
    head = model.module("next_token")(model.module("layer_norm")(stream))[0]
    want = head.double().softmax(-1).topk(5).values
    np.testing.assert_allclose(reading.lens.p[2], want.numpy(), atol=1e-6)


def test_layers_of_another_width_are_told_in_words() -> None:
    _, told = asked("char-lstm", PredictionsOf(), TEXT[:30])
    assert told.reading.lens is None
    assert "embedding is 64 wide, the end of the model reads 512" in told.reading.no_lens


def test_unknown_characters_are_named_and_a_short_text_is_refused_with_words() -> None:
    _, told = asked("char-rnn", PredictionsOf(), "the \u4e2d cat")
    assert told.reading.skipped == ("\u4e2d",)
    assert "".join(told.reading.tokens) == "the  ca"
    looker = Looker()
    looker.wish(LookAt(1, "x", PredictionsOf(), project_text(make("char-rnn")), "", text="a"))
    assert isinstance(looker.advance(), LookFailed)


# ------------------------------------------------------------------------- continuations


def log_p_after(subject: Subject, at: int, line: tuple[int, ...]) -> torch.Tensor:
    ids = subject.excerpt(600).inputs.main[:, : at + 1]
    whole = torch.cat([ids, torch.tensor([line], dtype=torch.int64).reshape(1, -1)], 1)
    return subject.model(whole)[0][0, -1].double().log_softmax(-1)


def total_of(subject: Subject, at: int, line: tuple[int, ...]) -> float:
    parts = (log_p_after(subject, at, line[:n])[line[n]] for n in range(len(line)))
    return float(sum(parts))


def lines_of(tree: BeamTree) -> list[tuple[tuple[int, ...], float]]:
    found = []
    for end in tree.ends:
        line, node = list[int](), end
        while node >= 0:
            line.append(int(tree.token[node]))
            node = int(tree.parent[node])
        found.append((tuple(line[::-1]), float(tree.total[end])))
    return found


def test_a_wide_beam_finds_what_exhaustive_search_finds() -> None:
    subject, told = asked("hello-rnn", BeamOf(at=1, width=16, depth=3))
    assert isinstance(told.reading, BeamTree)
    every = {line: total_of(subject, 1, line) for line in itertools.product(range(4), repeat=3)}
    best = sorted(every.items(), key=lambda pair: -pair[1])[:16]
    found = lines_of(told.reading)
    assert [line for line, _ in found] == [line for line, _ in best]
    np.testing.assert_allclose([t for _, t in found], [t for _, t in best], atol=1e-6)


def test_totals_are_sums_along_the_branch_and_a_beam_of_one_is_greedy() -> None:
    _, told = asked("char-rnn", BeamOf(at=7, width=1, depth=6), TEXT)
    tree = told.reading
    np.testing.assert_allclose(tree.total, np.cumsum(tree.log_p), atol=1e-12)
    greedy, sampled = tree.others
    assert (greedy.way, sampled.way) == ("greedy", "sampled")
    assert lines_of(tree)[0][0] == tuple(greedy.tokens)
    np.testing.assert_allclose(greedy.log_p.sum(), tree.total[-1], atol=1e-12)


def test_what_is_drawn_by_chance_has_the_models_own_probability() -> None:
    wish = BeamOf(at=7, width=2, depth=5, temperature=0.7, top_k=20, seed=3)
    subject, told = asked("char-attention", wish, TEXT)
    sampled = told.reading.others[1]
    line = tuple(int(i) for i in sampled.tokens)
    np.testing.assert_allclose(sampled.log_p.sum(), total_of(subject, 7, line), atol=1e-5)
    for n, token in enumerate(line):
        log_p = log_p_after(subject, 7, line[:n]).numpy()
        assert next_probabilities(log_p, 0.7, 20, 1.0)[token] > 0


def test_a_sequence_that_came_to_its_end_stays_as_it_is() -> None:
    subject, told = asked("reverse-transformer", BeamOf(at=9, width=6, depth=8))
    end = subject.dataset.writes[1]
    tree = told.reading
    assert not (tree.token[tree.parent[tree.parent >= 0]] == end).any(), "nothing after the end"
    assert list(tree.total[list(tree.ends)]) == sorted(tree.total[list(tree.ends)], reverse=True)


# ------------------------------------------------------------------------- other answers


def test_classes_have_probabilities_and_values_their_truth() -> None:
    _, told = asked("order-gru", PredictionsOf(examples=5))
    assert isinstance(told.reading, Answers)
    np.testing.assert_allclose(told.reading.answers.sum(1), 1.0, atol=1e-12)
    for line, truth in zip(told.reading.examples, told.reading.truth, strict=True):
        assert line.endswith(told.reading.classes[int(truth)])
    _, value = asked("adding-rnn", PredictionsOf(examples=3))
    assert value.reading.answers.shape == (3, 1)
    marked = re.findall(r"\[([\d.]+)\]", value.reading.examples[0])
    assert sum(map(float, marked)) == pytest.approx(value.reading.truth[0], abs=0.011)


def test_a_class_a_step_marks_steps_that_nobody_asks_about() -> None:
    _, told = asked("bert-mini", PredictionsOf())
    reading = told.reading
    assert not reading.follows
    asked_steps = reading.true >= 0
    assert 0 < asked_steps.sum() < len(asked_steps)
    np.testing.assert_array_equal(np.isnan(reading.true_p), ~asked_steps)


def test_series_have_spreads_and_notes_probabilities() -> None:
    _, series = asked("forecast-lstm", PredictionsOf())
    assert isinstance(series.reading, Outlook)
    assert (series.reading.spread > 0).all()
    assert series.reading.expected.shape == series.reading.truth.shape


def test_a_model_that_writes_nothing_says_so() -> None:
    _, told = asked("order-gru", BeamOf(at=0))
    assert isinstance(told, LookFailed)
    assert told.what == "This model does not write on"
