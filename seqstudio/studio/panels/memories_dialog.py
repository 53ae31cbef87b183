"""A dialog that puts other memories in the place of the model's own and trains each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from seqstudio.blocks.swapping import AS_DRAWN, KEY, MEMORIES, Swap
from seqstudio.document.sweep import Choices, Plan
from seqstudio.studio.widgets import CheckField, Label, NumberField

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS = 500


class MemoriesDialog(QDialog):
    """Which memories, and how many steps of each.

    Signals:
        wanted(object): the `Plan` of a sweep over the chosen memories.

    Args:
        swaps: What becomes of each memory.
        seed: First seed of the runs.
        parent: The window.
    """

    wanted = Signal(object)

    def __init__(self, swaps: Sequence[Swap], seed: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Try other memories")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._swaps, self._seed = tuple(swaps), seed
        self.checks = {swap.name: CheckField(_words(swap)) for swap in swaps}
        self.steps = NumberField(_STEPS, 1, 10_000_000, form="int", step=100, name="Steps of each")
        self.seeds = NumberField(1, 1, 20, form="int", name="Seeds of each")
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.buttons.button(buttons.Ok).setText("Train them")
        for button in self.buttons.buttons():
            button.setIcon(QIcon())  # those of the desktop have colours of their own
        self._lay_out()
        self.buttons.accepted.connect(self._finish)
        self.buttons.rejected.connect(self.reject)
        self._allow()

    def _lay_out(self) -> None:
        rows = QVBoxLayout(self)
        rows.setSpacing(8)
        said = (
            "The sequence block is exchanged, everything else stays as drawn. Widths are chosen "
            "so that the models have about as many parameters. One run each, same data, same "
            "settings of training; results stand under Sweep and Runs."
        )
        rows.addWidget(Label(said, "small", "textMid", wrap=True))
        for swap in self._swaps:
            check = self.checks[swap.name]
            check.set_value(bool(swap.words))
            check.setEnabled(bool(swap.words))
            check.value_changed.connect(self._allow)
            rows.addWidget(check)
            if swap.why:
                rows.addWidget(Label(swap.why, "small", "warn", wrap=True))
        form = QFormLayout()
        form.addRow("Steps of each", self.steps)
        form.addRow("Seeds of each", self.seeds)
        rows.addLayout(form)
        rows.addWidget(self.buttons)
        self.setMinimumWidth(460)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The swaps that are ticked, in words."""
        return tuple(swap.words for swap in self._swaps
                     if swap.words and self.checks[swap.name].value())  # fmt: skip

    @Slot()
    @Slot(object)
    def _allow(self, _value: object = None) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(bool(self.chosen))

    @Slot()
    def _finish(self) -> None:
        plan = Plan(
            (Choices(KEY, self.chosen),), amount=float(self.steps.value()),
            seeds=round(float(self.seeds.value())), seed=self._seed,
        )  # fmt: skip
        self.accept()
        self.wanted.emit(plan)


def _words(swap: Swap) -> str:
    """Return what a memory would be: "GRU, 77 units, 38,245 parameters"."""
    name = MEMORIES[swap.name]
    if not swap.words:
        return f"{name} does not fit"
    rest = swap.words.partition(" ")[2]
    size = AS_DRAWN if rest == AS_DRAWN else f"{rest.partition(' ')[0]} units"
    return f"{name}, {size}, {swap.total:,} parameters"
