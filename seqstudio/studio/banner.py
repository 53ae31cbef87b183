"""The banner under the transport: errors that stay until they are dealt with, and offers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from seqstudio.records.faults import Remedy
from seqstudio.studio.faults import Fault
from seqstudio.studio.recovery import Offer
from seqstudio.studio.widgets import InlineError


class Banner(InlineError):  # noqa: N818  a widget, not an exception
    """One message across the window, with what to do about it.

    Signals:
        recover_wanted(object): the person takes an `Offer`.
        aside_wanted(object): the person does not want it, now or ever.
        remedy_wanted(object): the person takes a `Remedy`.
    """

    recover_wanted = Signal(object)
    aside_wanted = Signal(object)
    remedy_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.setProperty("place", "banner")
        self.hide()

    def show_error(
        self,
        what: str,
        why: str = "",
        hint: str = "",
        details: str = "",
        remedies: Sequence[Remedy] = (),
        severity: str = "error",
    ) -> None:
        """Show what happened with what helps; the details go to the clipboard on request."""
        self._begin(severity, what, why, hint)
        for number, remedy in enumerate(remedies):
            button = self.add_action(remedy.words, kind="secondary" if number else "primary")
            button.clicked.connect(partial(self._take, remedy))
        text = "\n".join(part for part in (what, why, hint, details) if part)
        copy = self.add_action("Copy details", icon="copy")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        self._add_close("Close")
        self.show()

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Show the newest fault of ours with its count; the details tell of all."""
        newest = faults[-1]
        times = f" ({newest.count:,} times)" if newest.count > 1 else ""
        others = f" {len(faults) - 1} more in the details." if len(faults) > 1 else ""
        details = "\n".join(f"{fault.what}: {fault.why}\n{fault.trace}" for fault in faults)
        self.show_error(newest.what + times, newest.why + others, newest.hint, details)

    def show_offer(self, found: Offer) -> None:
        """Offer the edits of a program that ended without saving them."""
        name = found.path.name if found.path else "a project without a name"
        why = f"Unsaved changes to {name} were kept on {found.at}."
        self._begin("warn", "SeqStudio ended unexpectedly", why, "")
        take = self.add_action("Recover them", kind="primary")
        take.clicked.connect(lambda: self.recover_wanted.emit(found))
        self._add_close("Not now")
        drop = self.add_action("Put them aside", kind="text")
        drop.clicked.connect(lambda: self.aside_wanted.emit(found))
        self.show()

    def _take(self, remedy: Remedy, _checked: bool = False) -> None:
        self.hide()
        self.remedy_wanted.emit(remedy)

    def _begin(self, severity: str, what: str, why: str, hint: str) -> None:
        self.set_severity("warn" if severity == "warn" else "error")
        self.set_message(what, why, hint)
        self.clear_actions()

    def _add_close(self, words: str) -> None:
        self.add_action(words, kind="text").clicked.connect(self.hide)

    @property
    def text(self) -> str:
        """The words on the screen, "" when there are none."""
        return self.accessibleName() if self.isVisible() else ""
