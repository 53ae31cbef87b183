"""A card of an age: it fits a side dock and repeats what is wrong letter by letter."""

from __future__ import annotations

import numpy as np
from pytestqt.qtbot import QtBot

from seqstudio.records.readings import Sample
from seqstudio.studio.listen.ages_panel import AgeCard
from seqstudio.studio.listen.takes import take_of_sample

SIDE_DOCK = 240


def test_a_card_with_a_long_complaint_fits_a_side_dock(qtbot: QtBot) -> None:
    text = "X:1\nT:no key\nabc def|"
    chances = np.full(len(text), 0.5, np.float32)
    card = AgeCard()
    qtbot.addWidget(card)
    card.set_take(take_of_sample(Sample(1, 21, "", text, chances, (), 0.8, 1, True)))
    card.set_loss("3.09 nats")
    assert "K:" in card._bars.text()
    assert card._bars.text()[0].isupper()
    assert card.minimumSizeHint().width() <= SIDE_DOCK - 16
