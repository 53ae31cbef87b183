"""`FindingsPanel`: what is wrong with the run, in words, with a button that mends it."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.check import main_arch
from seqstudio.blocks.treating import Treatment
from seqstudio.document.project import Project
from seqstudio.records.health import HealthReading
from seqstudio.records.messages import Failed, LiveChanged, StateChanged
from seqstudio.records.readings import GradientReading, Validation
from seqstudio.runtime.diagnosis import Finding, diagnose
from seqstudio.runtime.diagnosis.case import FIRST_STEPS
from seqstudio.runtime.vitals import VITALS
from seqstudio.studio.inside.health.before_after import BeforeAfter, Treated
from seqstudio.studio.inside.health.finding_card import Card, FindingCard
from seqstudio.studio.panels.base import Panel
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.run_in_view import ACTIVE
from seqstudio.studio.widgets import Button, Label

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

BESIDE, LIVE, UNDO = "Train the changed model beside", "Apply to the run", "Undo the change"


class TreatedCard(Card):
    """What was changed, how to go on, and what came of it."""

    def __init__(self, treated: Treated, parent: QWidget | None = None) -> None:
        super().__init__(f"Changed: {treated.treatment.said}", "success", parent)
        self.treated = treated
        self.add_words(f"Against: {treated.finding.title}")
        self.told = self.add_words("", tone="textHi")
        self.chart = BeforeAfter()
        self.add_part(self.chart)
        self.beside = Button(BESIDE, kind="primary", icon="play", parent=self)
        self.live = Button(LIVE, parent=self)
        self.undo = Button(UNDO, icon="undo", parent=self)
        for button in (self.beside, self.live, self.undo):
            self.buttons.add(button)


class FindingsPanel(Panel):
    """A card for each finding, the worst first; and one for the change that was made last."""

    title = "Findings"
    kinds = frozenset(
        {HealthReading, GradientReading, Validation, Failed, LiveChanged, StateChanged}
    )
    explanation: ClassVar[Explanation] = Explanation(
        "Rules look at what the run has recorded: the gradient horizon, the health of single "
        "steps, norms, losses. A rule speaks when its evidence held for three readings in a row, "
        "and not before step 40, for text not before step 300. With the training clock moved "
        "back, the run is judged as it was then.\n\n"
        "A button changes the project as one step that undo takes back. Then train the changed "
        "model beside the old one: the card compares the number that the finding rests on.",
        (r"d_{10} = -1 / \mathrm{slope}(r)", r"\rho_\theta = \|\Delta\theta\| / \|\theta\|"),
        "Pascanu, Mikolov, Bengio 2013; Hochreiter 1991; lecture S52 to S60",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.findings: tuple[Finding, ...] = ()
        self.treated: Treated | None = None
        self._card: TreatedCard | None = None
        self._cards: list[FindingCard] = []
        self._judged: object = None
        self._list = QWidget()
        self._rows = QVBoxLayout(self._list)
        self._rows.setContentsMargins(16, 12, 16, 12)
        self._rows.setSpacing(12)
        self._rows.addStretch(1)
        self._in_order = Label("", "small", "textLow", wrap=True)
        self._rows.addWidget(self._in_order)
        self._list.setAutoFillBackground(True)
        self._list.setBackgroundRole(QPalette.ColorRole.Base)
        scroll = QScrollArea()
        scroll.setWidget(self._list)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.set_body(scroll)
        session.project_changed.connect(self._project_changed)

    # Judging

    @property
    def _project(self) -> Project:
        return self.session.run_project or self.session.document.project

    @override
    def draw(self) -> None:
        session, history = self.session, self.session.history
        newest = (history.health.newest(), history.horizons.newest())
        key = (id(history), *(id(each) for each in newest), len(history.validations),
               len(history.failures), session.step_in_view if session.cursor.step is not None
               else history.step // 50, id(session.document.project), self._pending)  # fmt: skip
        if key != self._judged:
            self._judged = key
            self._judge()
        self._compare()
        said = self._vitals_in_words({VITALS[each.vital].key for each in self.findings})
        self._in_order.setText(f"Measured besides: {said}." if said else "")
        self._invite()

    def _judge(self) -> None:
        session = self.session
        found = diagnose(
            session.history,
            self._project,
            session.facts,
            session.step_in_view,
            session.document.project,
        )
        if self._pending:
            found = tuple(replace(finding, treatments=()) for finding in found)
        if [_shown(each) for each in found] != [_shown(each) for each in self.findings]:
            self._show_cards(found)
        self.findings = found

    @property
    def _pending(self) -> bool:
        """Whether a change waits to be tried: what else helps is asked after that."""
        treated, history = self.treated, self.session.history
        return (treated is not None and history is treated.history
                and treated.in_force(history) is None)  # fmt: skip

    def _show_cards(self, found: tuple[Finding, ...]) -> None:
        for card in self._cards:
            self._rows.removeWidget(card)
            card.hide()
            card.deleteLater()
        self._cards = []
        for finding in found:
            first = not self._cards and self._card is None
            card = FindingCard(finding, first, self._list)
            card.wanted.connect(self._wanted)
            self._rows.insertWidget(self._rows.count() - 2, card)
            self._cards.append(card)

    def _invite(self) -> None:
        if self.findings or self._card is not None:
            self.show_body()
        elif not len(self.session.history.curves):
            how = "Press Train. What goes wrong is named here, with what helps."
            self.show_empty("info", "Nothing has trained yet", how, cover=True)
        elif self.session.step_in_view < FIRST_STEPS:
            how = f"Rules speak from step {FIRST_STEPS} on."
            self.show_empty("clock", "It is too early to say", how, cover=True)
        else:
            said = self._vitals_in_words(frozenset())
            self.show_empty("check", "Nothing is wrong by what was measured",
                            f"{said[:1].upper()}{said[1:]}.", cover=True)  # fmt: skip

    def _vitals_in_words(self, told: Set[str]) -> str:
        """Return the numbers besides those `told`: "update-to-weight ratio 0.0043, …"."""
        said = []
        for key in [
            each for each in ("reach", "ratio", "clip", "tanh", "dead") if each not in told
        ]:
            _, value = VITALS[key].at(self.session.history, self.session.step_in_view)
            if not math.isnan(value):
                said.append(f"{VITALS[key].title} {VITALS[key].words(value)}")
        return ", ".join(said)

    # Treating

    @Slot(object, object)
    def _wanted(self, finding: object, treatment: object) -> None:
        if isinstance(finding, Finding) and isinstance(treatment, Treatment):
            self.take(finding, treatment)

    def take(self, finding: Finding, treatment: Treatment) -> None:
        """Apply a treatment to the project, as one step of its history."""
        session = self.session
        before, arch = session.document.project, main_arch(self._project.graph)
        title, step = session.run_title(), session.step_in_view
        if not session.document.apply(treatment.edit):
            return
        self.treated = Treated(finding, treatment, session.history, step, title, arch, before,
                               session.document.project)  # fmt: skip
        self._show_treated(self.treated)
        self.refresh()

    def _show_treated(self, treated: Treated | None) -> None:
        if self._card is not None:
            self._rows.removeWidget(self._card)
            self._card.hide()
            self._card.deleteLater()
            self._card = None
        if treated is None:
            return
        self._card = card = TreatedCard(treated, self._list)
        card.beside.clicked.connect(self._train_beside)
        card.live.clicked.connect(self._apply_live)
        card.undo.clicked.connect(self._undo)
        self._rows.insertWidget(0, card)

    @Slot()
    def _train_beside(self) -> None:
        self.session.desk.train_beside()

    @Slot()
    def _apply_live(self) -> None:
        self.session.apply_edit()

    @Slot()
    def _undo(self) -> None:
        if self._undoable:
            self.session.document.undo()

    @property
    def _undoable(self) -> bool:
        treated, document = self.treated, self.session.document
        return treated is not None and document.project == treated.after

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        treated = self.treated
        untouched = treated is not None and self.session.history is treated.history
        if treated is not None and untouched and self.session.project == treated.before:
            self.treated = None
            self._show_treated(None)
        self.invalidate()

    def _compare(self) -> None:
        card, treated, session = self._card, self.treated, self.session
        if card is None or treated is None:
            return
        same = session.history is treated.history
        card.told.setText(self._told(treated))
        card.chart.show_pair(treated, session.history, session.run_title(), session.arch())
        card.beside.setVisible(same)
        card.live.setVisible(
            same and session.state in ACTIVE and session.applicable and not treated.treatment.live
            and not treated.treatment.anew
        )  # fmt: skip
        card.undo.setVisible(self._undoable)

    def _told(self, treated: Treated) -> str:
        session, said = self.session, treated.words(self.session.history, self.session.run_title())
        if session.history is not treated.history:
            return said
        if treated.treatment.live and session.state in {"running", "paused", "starting"}:
            return f"{said} The run takes it from its next step on."
        if treated.treatment.anew:
            return f"{said} It acts on the start of the weights: only a new run shows it."
        return said

    # Words

    @override
    def tell(self) -> None:
        if not len(self.session.history.curves):
            self.header.set_subtitle("nothing yet")
            return
        step = f"{self.session.run_title()}, step {self.session.step_in_view:,}"
        count = len(self.findings)
        said = "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"
        self.header.set_subtitle(f"{step}: {said}")

    @override
    def measured(self) -> list[tuple[str, str]]:
        rows = []
        for finding in self.findings:
            vital = VITALS[finding.vital]
            step, value = vital.at(self.session.history, self.session.step_in_view)
            rows.append((finding.title, f"{vital.title} {vital.words(value)} at step {step:,}"))
        return rows

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {}
        for vital in VITALS.values():
            steps, values = vital.series(self.session.history)
            if len(steps):
                found[f"{vital.key} step"], found[vital.key] = np.array(steps), np.array(values)
        return found


def _shown(finding: Finding) -> tuple[str, str, tuple[str, ...]]:
    return finding.key, finding.evidence, tuple(each.words for each in finding.treatments)
