"""Blocks that move to their new places by themselves, for tidying. Display only."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QPointF, QVariantAnimation, Slot

from seqstudio.studio.canvas.scene import CanvasScene
from seqstudio.studio.theme import theme


class Glide(QObject):
    """Lets items glide from where they were to where the document says they are."""

    def __init__(self, scene: CanvasScene, parent: QObject) -> None:
        super().__init__(parent)
        self._scene = scene
        self._ways: dict[str, tuple[QPointF, QPointF]] = {}
        self._clock = QVariantAnimation(self)
        self._clock.setStartValue(0.0)
        self._clock.setEndValue(1.0)
        self._clock.valueChanged.connect(self._show)

    def run(self, before: Mapping[str, QPointF]) -> None:
        """Start from the places `before`; the items already stand at their new ones."""
        self.finish()
        blocks = self._scene.blocks
        self._ways = {
            key: (place, QPointF(blocks[key].pos()))
            for key, place in before.items()
            if key in blocks and blocks[key].pos() != place
        }
        duration = theme().motion("layout")
        if duration and self._ways:
            self._clock.setDuration(duration)
            self._clock.setEasingCurve(theme().easing("inOut"))
            self._clock.start()

    def finish(self) -> None:
        """Jump to the end."""
        if self._clock.state() == QVariantAnimation.State.Running:
            self._clock.stop()
            self._show(1.0)

    @Slot(object)
    def _show(self, share: object) -> None:
        done = float(share) if isinstance(share, (int, float)) else 1.0
        for key, (start, end) in self._ways.items():
            if key in self._scene.blocks:
                self._scene.blocks[key].setPos(start + (end - start) * done)
        self._scene.reroute(self._ways if done < 1.0 else None)
