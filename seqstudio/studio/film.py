"""`Film`: plays what a run recorded, from the step in view to the newest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

FRAME_MS = 120
PATIENCE_S = 1.5  # for panels that still wait for their numbers
MOST_FRAMES = 120


class Film(QObject):
    """Moves the training clock from frame to frame; a frame waits until the panels are there.

    Signals:
        changed(): it began or ended.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.session = session
        self.playing = False
        self._shown_s = 0.0
        self._step: int | None = None
        self._timer = QTimer(self, interval=FRAME_MS)
        self._timer.timeout.connect(self._advance)
        session.run_changed.connect(self.stop)

    def frames(self) -> list[int]:
        """Return the steps at which the run recorded something to look at, ascending."""
        session, history = self.session, self.session.history
        if not history.run or not len(history.curves):
            return []
        found = {0, history.step}
        for kind in ("horizon", "gradient", "attention"):
            found |= {int(step) for step in history.steps_with(kind)}
        found |= set(session.looks.steps(str(session.runs_home / history.run)))
        steps = sorted(step for step in found if step <= history.step)
        stride = max(1, -(-len(steps) // MOST_FRAMES))
        return [*steps[:-1:stride], steps[-1]]

    def toggle(self) -> None:
        """Play, from the start if the clock stands at the end; or stop where it is."""
        if self.playing:
            self.stop()
            return
        frames = self.frames()
        if len(frames) < 2:
            return
        self.playing = True
        step = self.session.cursor.step
        if step is None or step >= frames[-1]:
            self._show(frames[0])
        self._timer.start()
        self.changed.emit()

    @Slot()
    def stop(self) -> None:
        """Stay at the frame in view."""
        if self.playing:
            self.playing = False
            self._timer.stop()
            self.changed.emit()

    def _show(self, step: int) -> None:
        self._step, self._shown_s = step, time.monotonic()
        self.session.move_cursor(step=step)

    @Slot()
    def _advance(self) -> None:
        if self._step is not None and self.session.cursor.step != self._step:
            self._step = self.session.cursor.step  # the person took the clock
            self.stop()
            return
        late = time.monotonic() - self._shown_s > PATIENCE_S
        if self.session.looks.waiting and not late:
            return
        now = self.session.step_in_view
        following = next((step for step in self.frames() if step > now), None)
        if following is None:
            self.session.move_cursor(step=None)
            self._step = None
            self.stop()
        else:
            self._show(following)
