"""Panels to try pictures, clips and captions: drawn with the mouse, asked, shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from seqstudio.blocks.templates import make
from seqstudio.document.document import Document
from seqstudio.studio.session import Session
from seqstudio.studio.trying.caption import CaptionPanel
from seqstudio.studio.trying.clip import ClipPanel, along
from seqstudio.studio.trying.digit import DrawPanel
from seqstudio.studio.trying.drawing import DrawPad


@pytest.fixture
def session(qtbot):  # type: ignore[no-untyped-def]
    """Give a session of a template that was never trained; its data are there."""
    made: list[Session] = []

    def build(template: str) -> Session:
        made.append(Session(Document(make(template)), threads=True))
        qtbot.waitUntil(lambda: made[-1].facts is not None)
        return made[-1]

    yield build
    for each in made:
        each.begin_close()
        assert each.end_close()


def answered(qtbot, panel) -> None:  # type: ignore[no-untyped-def]
    """Wait for an answer to what the panel asks now."""
    old = panel.looked
    qtbot.waitUntil(lambda: panel.looked is not old or panel.refused is not None, timeout=20_000)
    assert panel.refused is None, panel.refused


def drag(pad: DrawPad, places: list[tuple[float, float]]) -> None:
    rect = pad.square()
    points = [QPoint(round(rect.left() + x * rect.width()), round(rect.top() + y * rect.height()))
              for x, y in places]  # fmt: skip
    QTest.mousePress(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[0])
    for point in points[1:]:
        QTest.mouseMove(pad, point)
    QTest.mouseRelease(pad, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, points[-1])


def test_a_stroke_lays_ink_and_delete_clears(qtbot) -> None:  # type: ignore[no-untyped-def]
    pad = DrawPad()
    qtbot.addWidget(pad)
    pad.stroke((0.2, 0.5), (0.8, 0.5))
    assert pad.ink[80, 32:128].min() == 1
    assert pad.ink[40].max() == 0
    pad.stroke((0.5, 0.5), (0.5, 0.5), away=True)
    assert pad.ink[80, 80] == 0
    QTest.keyClick(pad, Qt.Key.Key_Delete)
    assert pad.empty


def test_a_drawn_digit_is_asked_as_the_model_sees_it(  # type: ignore[no-untyped-def]
    qtbot, session: Callable[[str], Session], shown
) -> None:
    panel = DrawPanel(session("digits-rows-lstm"))
    shown(panel, 620, 700)
    answered(qtbot, panel)
    assert "held-out picture" in panel.remark.text()
    panel.clear.click()
    with qtbot.waitSignal(panel.pad.drawn):
        drag(panel.pad, [(0.1, 0.1), (0.1, 0.4)])
    answered(qtbot, panel)
    seen = panel._picture
    assert seen is not None
    # A short line in a corner becomes an upright one in the middle, as high as the digits are.
    assert seen[0, :, 3:5].mean() > 0.6
    assert seen[0, :, 0].max() < 0.1
    assert panel.reading.p.shape == (8, 10)
    panel._pointed(2)
    panel.draw()
    likeliest = panel.reading.classes[int(panel.reading.p[2].argmax())]
    assert panel.bars.choices[0][0] == likeliest


def test_a_file_of_ones_own_is_read_and_a_broken_one_named(  # type: ignore[no-untyped-def]
    qtbot, session: Callable[[str], Session], shown, tmp_path: Path
) -> None:
    panel = DrawPanel(session("digits-vit"))
    shown(panel, 620, 700)
    answered(qtbot, panel)
    Image.new("L", (30, 30), 77).save(tmp_path / "grey.png")
    panel.open_file(str(tmp_path / "grey.png"))
    assert panel._picture is not None
    np.testing.assert_allclose(panel._picture, 77 / 255, atol=0.01)
    (tmp_path / "bad.png").write_text("x")
    panel.open_file(str(tmp_path / "bad.png"))
    assert "bad.png cannot be read" in panel.remark.text()


def test_a_clip_is_played_scrubbed_and_drawn(  # type: ignore[no-untyped-def]
    qtbot, session: Callable[[str], Session], shown
) -> None:
    panel = ClipPanel(session("frames-class-gru"))
    shown(panel, 620, 700)
    answered(qtbot, panel)
    assert panel.playing
    qtbot.waitUntil(lambda: panel._frame >= 2, timeout=5000)
    panel._cell_picked(0, 11)
    assert not panel.playing
    assert panel.bars.choices[0][1] == pytest.approx(panel.reading.p[11].max())
    assert "from frame 2" in panel.remark.text()
    panel.stage.way = [(x, 0.5) for x in np.linspace(0.2, 0.8, 30)]
    panel.stage.moved.emit()
    answered(qtbot, panel)
    assert panel._clip is not None
    columns = [frame.sum(0).argmax() for frame in panel._clip]
    assert columns[0] < 4
    assert columns[-1] > 7
    assert panel.remark.text() == ""


def test_a_way_is_spread_over_the_frames() -> None:
    way = np.stack([np.linspace(0, 1, 50), np.zeros(50)], 1)
    np.testing.assert_allclose(along(way, 5)[:, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(along(way[:1], 3), np.zeros((3, 2)))


def test_captions_by_word_by_beam_and_in_the_gallery(  # type: ignore[no-untyped-def]
    qtbot, session: Callable[[str], Session], shown
) -> None:
    panel = CaptionPanel(session("caption-attention"))
    shown(panel, 640, 760)
    answered(qtbot, panel)
    assert panel.remark.text().startswith("Right: a ")
    assert len(panel.bars.choices) == 6
    panel.views.set_value("gallery")
    panel._turn("gallery")
    qtbot.waitUntil(lambda: panel._gallery is not None and panel._gallery.done, timeout=30_000)
    panel.draw()
    assert "96 held-out pictures" in panel.gallery.told.text()
    assert "by chance" in panel.gallery.told.text()
    place = panel.gallery.cards.card_rect(1).center()
    with qtbot.waitSignal(panel.gallery.picked):
        QTest.mouseClick(
            panel.gallery.cards,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QPointF(place).toPoint(),
        )
    assert panel.views.value() == "words"
    assert panel._picture is not None
    np.testing.assert_array_equal(panel._picture, panel._gallery.pictures[1])  # type: ignore[union-attr]


def test_panels_fit_their_own_data_only(session: Callable[[str], Session]) -> None:
    digits, clips, captions = (
        session(name).dataset for name in ("digits-vit", "action-lstm", "caption-lstm")
    )
    for dataset, right in ((digits, DrawPanel), (clips, ClipPanel), (captions, CaptionPanel)):
        assert dataset is not None
        fitting = [p for p in (DrawPanel, ClipPanel, CaptionPanel) if p.fits(dataset)]
        assert fitting == [right]
