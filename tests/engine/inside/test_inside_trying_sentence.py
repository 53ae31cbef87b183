"""A sentence is read word by word as its beginnings would be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.core.errors import DataError
from seqstudio.engine.inputs import Inputs
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying.sentence import read_sentence
from seqstudio.records.inside.trying.sentence import ReadSentence, SentenceRead
from tests.engine.inside.looking import small
from tests.engine.inside.looking import subject as subject_of


@pytest.fixture(scope="module")
def subject() -> Subject:
    return subject_of(small("sentiment-lstm"))


def last(subject: Subject, text: str) -> SentenceRead:
    with torch.no_grad():
        readings = [r for r in read_sentence(replace(subject, text=text), ReadSentence()) if r]
    return readings[-1]


def test_every_beginning_is_what_it_would_be_alone(subject: Subject) -> None:
    found = last(subject, "the food was not bad at all")
    assert found.tokens == (" the", " food", " was", " not", " bad", " at", " all")
    vocabulary = subject.dataset.vocabulary
    assert vocabulary is not None
    for count in (1, 4, 7):
        ids = torch.from_numpy(vocabulary.encode("".join(found.tokens[:count])).astype(np.int64))
        with torch.no_grad():
            alone, _ = subject.model(Inputs(ids[None], lengths=torch.tensor([count])))
        np.testing.assert_allclose(found.p[count - 1], alone.softmax(-1)[0], atol=1e-6)


def test_unknown_words_are_told_and_long_texts_cut(subject: Subject) -> None:
    found = last(subject, "the zebra was good. " * 20)
    assert found.skipped == (" zebra",)
    assert (len(found.tokens), found.cut) == (50, 50)


def test_nothing_to_read_is_said(subject: Subject) -> None:
    with pytest.raises(DataError, match="nothing to read"):
        last(subject, "")
