"""Choosing and writing tokens."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.core.errors import DataError, RunError
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.data.vocabulary import Vocabulary
from seqstudio.engine.model import GraphModel
from seqstudio.engine.sampling import Memory, complete, write
from seqstudio.insight.choosing import choose, next_probabilities
from seqstudio.records.messages import Write

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0])


def model_of(template: str, window: int = 128) -> tuple[GraphModel, Vocabulary]:
    torch.manual_seed(0)
    project = make(template)
    dataset = open_dataset(project.data)
    assert dataset.vocabulary is not None
    facts = replace(facts_of(dataset, project.training), window=window)
    return GraphModel(project.graph, facts).eval(), dataset.vocabulary


def request(length: int, seed: int = 0, prompt: str = "", temperature: float = 1.0) -> Write:
    return Write(1, prompt, length, temperature, 0, 1.0, seed)


def test_temperature_one_is_softmax() -> None:
    p = next_probabilities(LOGITS, 1.0, 0, 1.0)
    np.testing.assert_allclose(p, LOGITS.double().softmax(0), rtol=1e-14)


def test_temperature_divides_the_logits() -> None:
    p = next_probabilities(LOGITS, 0.5, 0, 1.0)
    np.testing.assert_allclose(p, (LOGITS.double() * 2).softmax(0), rtol=1e-14)


def test_a_choice_comes_as_often_as_it_is_probable() -> None:
    p = next_probabilities(LOGITS, 1.0, 3, 1.0)
    chances = (np.arange(10_000) + 0.5) / 10_000
    shares = np.bincount([choose(p, chance) for chance in chances], minlength=4) / 10_000
    np.testing.assert_allclose(shares, p, atol=1.5e-4)
    assert choose(np.array([0.0, 1.0, 0.0]), 0.0) == 1
    assert choose(np.array([0.0, 1.0, 0.0]), np.nextafter(1.0, 0.0)) == 1


def test_temperature_zero_takes_the_likeliest() -> None:
    assert next_probabilities(LOGITS, 0.0, 0, 1.0).tolist() == [1, 0, 0, 0]


def test_top_k_keeps_k_and_sums_to_one() -> None:
    p = next_probabilities(LOGITS, 1.0, 2, 1.0)
    assert (p > 0).tolist() == [True, True, False, False]
    assert float(p.sum()) == pytest.approx(1.0)
    assert float(p[0] / p[1]) == pytest.approx(math.e)


def test_top_p_keeps_the_smallest_set_that_reaches_p() -> None:
    # softmax of the logits: 0.644, 0.237, 0.087, 0.032
    assert (next_probabilities(LOGITS, 1.0, 0, 0.6) > 0).tolist() == [True, False, False, False]
    assert (next_probabilities(LOGITS, 1.0, 0, 0.7) > 0).tolist() == [True, True, False, False]
    assert (next_probabilities(LOGITS, 1.0, 0, 0.9) > 0).tolist() == [True, True, True, False]


def test_the_same_seed_writes_the_same_text_and_another_seed_another() -> None:
    model, vocabulary = model_of("char-lstm")
    first, again, other = (
        complete(model, vocabulary, request(40, seed), 0).text for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
    assert len(first) == 40


def test_every_token_comes_with_the_probability_it_was_chosen_with() -> None:
    model, vocabulary = model_of("hello-rnn")
    sample = complete(model, vocabulary, request(6, prompt="h"), 0)
    ids = torch.tensor([[int(i) for i in vocabulary.encode("h" + sample.text)]])
    with torch.no_grad():
        p = model(ids)[0][0].softmax(-1)
    expected = [float(p[t, ids[0, t + 1]]) for t in range(6)]
    assert sample.probability.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("template", ["char-lstm", "char-gpt", "char-attention"])
def test_writing_step_by_step_equals_reading_the_whole_text(template: str) -> None:
    """Greedy text with kept states equals the text from re-reading everything at each step."""
    model, vocabulary = model_of(template)
    greedy = complete(model, vocabulary, request(20, prompt="def ", temperature=0.0), 0).text
    ids = [int(i) for i in vocabulary.encode("def ")]
    with torch.no_grad():
        for _ in range(20):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    assert greedy == vocabulary.decode(torch.tensor(ids[4:]).numpy())


@pytest.mark.parametrize("template", ["char-gpt", "char-attention"])
def test_a_text_longer_than_the_window_goes_on(template: str) -> None:
    model, vocabulary = model_of(template, window=16)
    assert len(complete(model, vocabulary, request(60), 0).text) == 60


def test_keys_of_a_rotary_model_slide_with_the_window() -> None:
    """One layer sees exactly the last window: old keys drop off, distances stay."""
    model, vocabulary = model_of("char-gpt", window=8)
    ids = [int(i) for i in vocabulary.encode("abcdefghijklmnop")]
    memory = Memory(model)
    for token in ids:
        memory.read([token])
    keys = memory.state["transformer"][0][0]
    assert keys.shape[2] == 7
    assert memory.state["transformer"][0][2] == len(ids)


def test_an_unknown_character_in_the_prompt_is_named() -> None:
    model, vocabulary = model_of("hello-rnn")
    with pytest.raises(DataError, match="z"):
        list(write(model, vocabulary, request(3, prompt="hz"), 0))


def test_a_model_without_tokens_cannot_write() -> None:
    project = make("adding-lstm")
    dataset = open_dataset(project.data)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    with pytest.raises(RunError, match="cannot write"):
        next(write(model, Vocabulary(("a",)), request(3), 0))
