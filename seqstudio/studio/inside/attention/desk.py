"""What all views of attention look at together: the example, the place of attention, the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QObject, Signal, Slot

from seqstudio.records.inside.attention import LONGEST, AttentionExample, AttentionSite

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

USUAL_STEPS = 40
NAME = "attention desk"


class AttentionDesk(QObject):
    """Example, place and head in view; follows the shared cursor and moves it.

    Attributes:
        example: What is read.
        key: Key of the place of attention, "" for the first.
        head: From 0.
        sites: Places of the model, () before the first answer.

    Signals:
        changed(): something else is in view.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.setObjectName(NAME)
        self._session = session
        self.example = AttentionExample(steps=USUAL_STEPS)
        self.key, self.head = "", 0
        self.sites: tuple[AttentionSite, ...] = ()
        session.cursor_changed.connect(self._follow)
        session.project_changed.connect(self._project_changed)

    def set_sites(self, sites: tuple[AttentionSite, ...]) -> None:
        """Take in which places the model has."""
        if sites != self.sites:
            self.sites = sites
            self._follow(None)
            self._begin()

    def _begin(self) -> None:
        """Look at a place of this model: one that asks another text first, where there is one."""
        if self.sites and all(site.key != self.key for site in self.sites):
            asking = [site for site in self.sites if site.queries != site.keys]
            self.key, self.head = (asking or self.sites)[0].key, 0
            self.changed.emit()

    def read(self, number: int | None = None, *, written: bool | None = None) -> None:
        """Choose another example, or who writes its text."""
        example = self.example
        number = example.number if number is None else max(0, number)
        written = example.written if written is None else written
        self._take(replace(example, number=number, written=written))

    def set_steps(self, steps: int) -> None:
        """Read a text as far as this."""
        self._take(replace(self.example, steps=min(LONGEST, max(2, steps))))

    def _take(self, example: AttentionExample) -> None:
        if example != self.example:
            self.example = example
            self.changed.emit()

    def choose(self, key: str, head: int) -> None:
        """Look at another head; the shared cursor goes there."""
        if (key, head) == (self.key, self.head):
            return
        self.key, self.head = key, head
        site = next((site for site in self.sites if site.key == key), None)
        if site is not None:
            self._session.move_cursor(block=site.block, layer=site.layer, head=head)
        self.changed.emit()

    def site_among(self, sites: Sequence[AttentionSite]) -> AttentionSite | None:
        """Return the place in view if it is one of these, else the first of them."""
        return next((site for site in sites if site.key == self.key), sites[0] if sites else None)

    @Slot(object)
    def _follow(self, _cursor: object) -> None:
        """Go to the head of the shared cursor, unless it names none of this model."""
        cursor = self._session.cursor
        here = [s for s in self.sites if (s.block, s.layer) == (cursor.block, cursor.layer)]
        if not here:
            return
        site = self.site_among(here)
        if site is not None and (site.key, cursor.head) != (self.key, self.head):
            self.key, self.head = site.key, min(cursor.head, site.heads - 1)
            self.changed.emit()

    @Slot(object)
    def _project_changed(self, _change: object) -> None:
        self.sites = ()


def desk_of(session: Session) -> AttentionDesk:
    """Return the desk that all views of a session share."""
    found = session.findChild(QObject, NAME)
    return cast("AttentionDesk", found) if found is not None else AttentionDesk(session)
