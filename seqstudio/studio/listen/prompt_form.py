"""`PromptForm`: with what a tune begins: key and metre, a text, or a phrase that was played."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QPlainTextEdit, QStackedWidget, QVBoxLayout, QWidget

from seqstudio.data.dataset import Dataset
from seqstudio.data.vocabulary import name_of
from seqstudio.studio.listen.phrase_field import PhraseField
from seqstudio.studio.listen.prompts import BookStyle, in_style, style_of
from seqstudio.studio.listen.sound import ListenSession
from seqstudio.studio.theme import follow_theme, theme
from seqstudio.studio.widgets import ComboField, FormRow, Label, Segments

_STYLE_CHARACTERS = 400_000
_ANY = "as the model likes"
_FREE_HEIGHT = 98
_ABC_KINDS = {"abc", "abc-tokens"}


class StyleDesk(QObject):
    """Reads how the tunes of the training text begin, once for all forms of a page.

    Attributes:
        style: None until it was read.

    Signals:
        changed(): it was read.
    """

    changed = Signal()

    def __init__(self, listen: ListenSession) -> None:
        super().__init__(listen)
        self._listen = listen
        self._dataset: Dataset | None = None
        self.style: BookStyle | None = None

    def read(self) -> None:
        """Read the training text in view in a worker thread, unless that was done."""
        dataset = self._listen.session.dataset
        if dataset is self._dataset or dataset is None or dataset.vocabulary is None:
            return
        self._dataset = dataset

        def finish(style: BookStyle) -> None:
            if dataset is self._dataset:
                self.style = style
                self.changed.emit()

        self._listen.in_background(
            lambda: style_of(dataset.preview("train", _STYLE_CHARACTERS)), finish
        )


class PromptForm(QWidget):
    """Three ways to begin a tune.

    Signals:
        changed(): another prompt.
    """

    changed = Signal()

    def __init__(self, listen: ListenSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.listen = listen
        self.session = listen.session
        self._coding = listen.coding
        self._styles = listen.findChild(StyleDesk) or StyleDesk(listen)
        self._checked: tuple[object, tuple[str, ...]] = (None, ())
        options = [("key", "Key"), ("free", "Text"), ("phrase", "Phrase")]
        self.kind = Segments(options, name="Prompt")
        self.key = ComboField([("", _ANY)], "", name="Key")
        self.meter = ComboField([("", _ANY)], "", name="Metre")
        self.free = QPlainTextEdit()
        self.free.setAccessibleName("Prompt as text")
        self.free.setTabChangesFocus(True)
        self.phrase = PhraseField(listen)
        self.unknown = Label("", "small", "error", wrap=True)
        self.unknown.hide()
        self._lay_out()
        self._styles.changed.connect(self._offer)
        self.kind.value_changed.connect(self._kind_changed)
        self.free.textChanged.connect(self.check)
        self.phrase.changed.connect(self.check)
        self.free.setPlainText(self.session.project.sampling.prompt)
        self._offer()
        if not self._writes_abc:
            self.show_kind("free")
        follow_theme(self)

    def _lay_out(self) -> None:
        keys = QWidget()
        inside = QVBoxLayout(keys)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(0)
        inside.addWidget(FormRow("Key", self.key))
        inside.addWidget(FormRow("Metre", self.meter))
        inside.addStretch(1)
        self._pages = QStackedWidget()
        for page in (keys, self.free, self.phrase):
            self._pages.addWidget(page)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.kind, 0, Qt.AlignmentFlag.AlignLeft)
        rows.addSpacing(6)
        rows.addWidget(self._pages)
        rows.addWidget(self.unknown)

    # The prompt

    def prompt(self) -> str:
        """Return the prompt as it would be sent."""
        kind = self.kind.value()
        if kind == "free":
            return self.free.toPlainText()
        if kind == "phrase":
            played = self.phrase.prompt()
            styled = in_style(played, self.style_of_book) if self._writes_abc else played
            return styled or self._opening()
        key, meter = str(self.key.value() or ""), str(self.meter.value() or "")
        if self.style_of_book is None or not (key or meter):
            return self._opening()
        return self.style_of_book.header(key, meter)

    def _opening(self) -> str:
        """Return what a tune begins with when nothing is wished for."""
        coding, own = self.listen.coding, self.session.project.sampling.prompt
        return own or (coding.opening if coding is not None else "")

    @property
    def _writes_abc(self) -> bool:
        project = self.session.run_project or self.session.project
        return project.data.kind in _ABC_KINDS

    def take_style(self) -> None:
        """Offer keys and metres of the training text, read in a worker thread."""
        abc = self._writes_abc
        self.kind.set_enabled("key", abc, "Keys and metres are asked for in tunes in ABC")
        if self.listen.coding is not self._coding:  # another project: its prompts are others
            self._coding = self.listen.coding
            self.free.setPlainText(self._opening())
            self.show_kind("key" if abc else "free")
        if abc:
            self._styles.read()

    @property
    def style_of_book(self) -> BookStyle | None:
        """How the tunes of the training text begin, None until it was read."""
        return self._styles.style

    @Slot()
    def _offer(self) -> None:
        style = self._styles.style
        if style is not None:
            for field, values in ((self.key, style.keys), (self.meter, style.meters)):
                field.set_options([("", _ANY), *((value, value) for value in values)])
            self.check()

    def show_kind(self, kind: str) -> None:
        """Show one of the three ways."""
        self.kind.set_value(kind)
        self._kind_changed(kind)

    @Slot(str)
    def _kind_changed(self, kind: str) -> None:
        chosen = self.style_of_book
        if kind == "free" and chosen is not None and (self.key.value() or self.meter.value()):
            key, meter = str(self.key.value() or ""), str(self.meter.value() or "")
            self.free.setPlainText(chosen.header(key, meter))
        if kind == "free" and not self.free.toPlainText():
            self.free.setPlainText(self._opening())
        self._pages.setCurrentIndex(["key", "free", "phrase"].index(kind))
        self.restyle()
        self.check()

    def unknown_symbols(self) -> tuple[str, ...]:
        """Return the characters of the prompt that the model never saw."""
        dataset = self.session.dataset
        if dataset is None or dataset.vocabulary is None:
            return ()
        asked = (dataset, self.prompt())
        if asked != self._checked[0]:  # a millisecond: too much for every redraw
            self._checked = (asked, dataset.vocabulary.unknown(asked[1]))
        return self._checked[1]

    @Slot()
    def check(self) -> None:
        """Tell what the model never saw."""
        unknown = self.unknown_symbols()
        names = ", ".join(name_of(symbol) for symbol in unknown[:8])
        self.unknown.setText(f"The model never saw: {names}. Take them out." if unknown else "")
        self.unknown.setVisible(bool(unknown))
        self.changed.emit()

    @Slot()
    def restyle(self) -> None:
        """Take fonts and heights from the theme in force."""
        self.free.setFont(theme().font("mono"))
        two_rows = 2 * theme().metric("formRow") + 2
        self._pages.setFixedHeight(two_rows if self.kind.value() == "key" else _FREE_HEIGHT)
