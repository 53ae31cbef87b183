"""Templates of sentences: what loses the order of words, and what keeps it (S25)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from seqstudio.blocks.templates import TEMPLATES, make
from seqstudio.data.tasks.order_pairs import LECTURE
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Subject
from tests.engine.inside.looking import subject as subject_of

SENTENCES = ("sentiment-rnn", "sentiment-lstm", "sentiment-bert", "bag-of-words", "names-gru",
             "order-pair", "dense-idea")  # fmt: skip


def reader(template: str) -> Subject:
    """An untrained model of a template that reads the sentence pairs."""
    project = make(template)
    return subject_of(replace(project, data=make("order-pair").data))


def apart(subject: Subject, one: str, other: str) -> float:
    """Return how far the answers to two texts lie apart."""
    vocabulary, length = subject.dataset.vocabulary, subject.project.data.length
    assert vocabulary is not None
    rows, lengths = torch.zeros(2, length, dtype=torch.int64), []
    for row, text in enumerate((one, other)):
        ids = vocabulary.encode(" " + text)[:length]
        rows[row, : len(ids)] = torch.from_numpy(ids.astype("int64"))
        lengths.append(len(ids))
    with torch.no_grad():
        outputs, _ = subject.model(Inputs(rows, lengths=torch.tensor(lengths)))
    return float((outputs[0] - outputs[1]).abs().max())


@pytest.mark.parametrize(("template", "sees"), [
    ("bag-of-words", False), ("order-pair", True), ("dense-idea", True), ("sentiment-rnn", True),
    ("sentiment-bert", True),
])  # fmt: skip
def test_who_can_tell_good_not_bad_from_bad_not_good(template: str, sees: bool) -> None:
    found = apart(reader(template), *LECTURE[0])
    assert found > 1e-4 if sees else found < 1e-12


def test_every_template_of_sentences_says_what_to_look_at() -> None:
    for name in SENTENCES:
        assert TEMPLATES[name].look
        assert TEMPLATES[name].data["kind"] in {"sentences", "order-pairs"}


def test_names_are_read_letter_by_letter() -> None:
    dataset = subject_of(make("names-gru")).dataset
    assert dataset.token_name == "character"
    assert dataset.classes == ("Eastern", "Island", "Northern", "Southern")
