"""Claim C18: the expected source place falls with every step backwards, and rises in copying.

The arg-max is not asked: a state of an encoder describes its neighbours too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqstudio.blocks.templates import make
from seqstudio.data.facts import facts_of
from seqstudio.data.sources import open_dataset
from seqstudio.engine.batches import window_of
from seqstudio.engine.inside.subject import Subject
from seqstudio.engine.inside.trying.translation import translate
from seqstudio.engine.losses import mean_loss
from seqstudio.engine.model import GraphModel
from seqstudio.insight.alignment import expected_places, straightness
from seqstudio.records.inside.trying.translation import Translate

SHORT = (5, 80, 1e-2)
"""Letters at most, steps of training and learning rate."""
LONG = (10, 300, 3e-3)


def trained(template: str, how: tuple[int, int, float]) -> Subject:
    """Train a template on words of this length and return it at rest."""
    torch.manual_seed(0)
    length, steps, rate = how
    plain = make(template)
    project = replace(plain, data=plain.data.with_value("length", length))
    dataset = open_dataset(project.data)
    model = GraphModel(project.graph, facts_of(dataset, project.training))
    optimizer = torch.optim.AdamW(model.parameters(), rate)
    rng, cpu = np.random.default_rng(0), torch.device("cpu")
    for _ in range(steps):
        window = window_of(dataset, dataset.batch(rng, 64), cpu)
        optimizer.zero_grad()
        loss = mean_loss(model.losses(model(window.inputs)[0], window.targets), window.targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return Subject(model.eval(), dataset, project, steps, "trained")


def straight(subject: Subject, words: int = 12) -> tuple[float, float]:
    """Return the mean correlation over held-out words, and the share written right."""
    found, right = [], 0
    for line in subject.dataset.preview("valid", 4000).split("\n")[:words]:
        read, wanted = line.split(" → ")
        with torch.no_grad():
            told = [
                r for r in translate(replace(subject, text=read), Translate(1, (wanted,))) if r
            ]
        greedy = told[-1].greedy
        right += greedy.exact
        (place,) = greedy.aligned
        found.append(straightness(place.weights[0][:-1]))  # the sign to end looks anywhere
    return float(np.nanmean(found)), right / words


@pytest.mark.parametrize(
    ("template", "sign", "how"),
    [
        ("reverse-attention", -1, SHORT),
        pytest.param("reverse-attention", -1, LONG, marks=pytest.mark.long),
        pytest.param("copy-attention", 1, SHORT, marks=pytest.mark.long),
        pytest.param("copy-attention", 1, LONG, marks=pytest.mark.long),
    ],
)
def test_the_expected_place_moves_along_with_the_steps(
    template: str, sign: int, how: tuple[int, int, float]
) -> None:
    r, right = straight(trained(template, how))
    assert right > 0.5
    assert sign * r >= 0.95


def test_straightness_is_pearsons_r_of_the_expected_place() -> None:
    weights = np.array([[0.6, 0.3, 0.05, 0.05], [0.1, 0.15, 0.7, 0.05], [0.0, 0.0, 0.1, 0.9]])
    np.testing.assert_allclose(expected_places(weights), [0.55, 1.7, 2.9])
    assert straightness(weights) == pytest.approx(np.corrcoef([0.55, 1.7, 2.9], range(3))[0, 1])
    assert straightness(weights[::-1]) == pytest.approx(-straightness(weights))
    assert np.isnan(straightness(weights[:2]))
    assert np.isnan(straightness(np.full((5, 4), 0.25)))
