"""`AttentionLook`: what all panels about attention share: the bar above, the desk, the row t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.blocks.catalogue import KINDS
from seqstudio.document.graph import Block
from seqstudio.records.inside.attention import AttentionExample, AttentionRead, AttentionSite
from seqstudio.studio.inside.attention.bar import PassageBar
from seqstudio.studio.inside.attention.desk import desk_of
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.theme import follow_theme, painting, theme
from seqstudio.studio.widgets.token_lines import shown_text

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

TEMPLATE = "char-gpt"
_ATTENDING = frozenset({"additive_attention", "hard_attention", "softmax"})


class AttentionLook(LookPanel):
    """A panel about attention.

    Signals:
        template_wanted(str): the person wants to open a template that has attention.
    """

    icon = "attention"
    most_steps = 512
    template_wanted = Signal(str)

    def __init__(
        self, session: Session, *, heads: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(session, parent)
        self.desk = desk_of(session)
        self.bar = PassageBar(session, heads=heads)
        self._sites: tuple[AttentionSite, ...] = ()
        self.desk.changed.connect(self._desk_changed)

    def set_content(self, content: QWidget) -> None:
        """Put the bar and the content below it into the panel."""
        self.set_body(_Well(self.bar, content))

    # What is looked at

    def example(self) -> AttentionExample:
        """Return what to read."""
        example = self.desk.example
        return replace(example, steps=min(example.steps, self.most_steps))

    def usable(self, sites: Sequence[AttentionSite]) -> list[AttentionSite]:
        """Return the places that this panel can show; all of them if not told otherwise."""
        return list(sites)

    @property
    def site(self) -> AttentionSite | None:
        """The place in view."""
        return self.desk.site_among(self.usable(self._sites))

    @property
    def head(self) -> int:
        """The head in view, from 0."""
        site = self.site
        return min(self.desk.head, site.heads - 1) if site is not None else 0

    @property
    def key(self) -> str:
        """What questions call the place in view, "" before it is known."""
        return self.site.key if self.site is not None else ""

    def show_read(self, read: AttentionRead, sites: Sequence[AttentionSite]) -> None:
        """Bring the bar up to date with an answer."""
        self._sites = tuple(sites)
        if not self.run:  # a run beside may have other places
            self.desk.set_sites(self._sites)
        self.bar.show_read(read)
        self.bar.show_heads(self.usable(sites), self.key, self.head)

    @override
    def draw(self) -> None:
        self.bar.show_data()
        if self._never_attends():
            how = "Open a transformer, or add an attention block on the Build page."
            self.show_empty("attention", "This model has no attention", how, cover=True)
            self.empty_action("Open Small GPT", self._open_gpt, icon="attention")
            return
        super().draw()

    def _never_attends(self) -> bool:
        project = self.session.run_project or self.session.project
        return self.looked is None and not any(_attends(block) for block in project.graph)

    @Slot()
    def _open_gpt(self) -> None:
        self.template_wanted.emit(TEMPLATE)

    @Slot()
    def _desk_changed(self) -> None:
        self._drawn = None
        if self.isVisible():
            self.ask_again()
        else:
            self.invalidate()

    @override
    def forget(self) -> None:
        super().forget()
        self._sites = ()


def _attends(block: Block) -> bool:
    """Tell whether a block looks from one step at others, or holds a block that does."""
    if block.kind in _ATTENDING or (
        block.kind in KINDS and KINDS[block.kind].arch == "transformer"
    ):
        return True
    return block.inside is not None and any(_attends(inner) for inner in block.inside)


class _Well(QWidget):
    """The bar over the content, on the ground of wells."""

    def __init__(self, bar: QWidget, content: QWidget) -> None:
        super().__init__()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(4)
        rows.addWidget(bar)
        rows.addWidget(content, 1)
        follow_theme(self)

    @Slot()
    def restyle(self) -> None:
        """Take the ground from the theme in force."""
        self.update()

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        with painting(self) as painter:
            painter.fillRect(self.rect(), theme().color("surface0"))


def signed(value: float, form: str = ".3f") -> str:
    """Return a number with its sign, the minus as long as the plus."""
    return f"{value:+{form}}".replace("-", "−")


def spelled(token: str) -> str:
    """Return a token in quotes, blanks made visible."""
    return "“␣”" if token == " " else f"“{shown_text(token)}”"


def spaced(tokens: Sequence[str]) -> list[str]:
    """Return tokens for a line of text: words get a blank behind them."""
    words = any(len(token) > 1 for token in tokens)
    return [f"{token} " for token in tokens] if words else list(tokens)
