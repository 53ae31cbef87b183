"""Asks whether the deleted runs of a project shall go for good, and removes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from seqstudio.blocks.cost import bytes_in_words
from seqstudio.core.errors import SeqError
from seqstudio.studio.notices import Notice

if TYPE_CHECKING:
    from seqstudio.studio.session import Session


def empty_trash(session: Session, parent: QWidget) -> QMessageBox | None:
    """Ask, with the size; the box removes the runs when the person agrees. None without any."""
    home = session.runs_home
    names = session.trash.names(home)
    if not names:
        return None
    runs = f"{len(names)} deleted run{'' if len(names) == 1 else 's'}"
    size = bytes_in_words(session.trash.size(home))
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setText(f"Remove {runs} for good?")
    box.setInformativeText(f"{', '.join(names)}. This frees {size} and cannot be undone.")
    remove = box.addButton(f"Remove {runs}", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))

    def act() -> None:
        try:
            session.trash.remove(home)
        except SeqError as error:
            session.tell(error)
        else:
            session.notice.emit(Notice(f"{runs} removed, {size} freed", "", "", "success"))
        session.run_changed.emit()

    remove.clicked.connect(act)
    box.open()
    return box
