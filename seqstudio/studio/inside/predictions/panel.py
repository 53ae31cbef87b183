"""`PredictionsPanel`: under every token what the model expects next, by layer, and going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from seqstudio.records.inside.predictions import Answers, Outlook, Predictions, PredictionsOf
from seqstudio.studio.inside.panel import LookPanel
from seqstudio.studio.inside.predictions.answers_view import AnswersView, OutlookView
from seqstudio.studio.inside.predictions.beam_desk import BeamDesk
from seqstudio.studio.inside.predictions.side import GuessSide, short_names
from seqstudio.studio.inside.predictions.text import GuessContent, GuessText, ShadeKey
from seqstudio.studio.inside.side_body import SideBody
from seqstudio.studio.panels.explanation import Explanation
from seqstudio.studio.panels.probe_field import ProbeField
from seqstudio.studio.theme import follow_theme
from seqstudio.studio.widgets import ComboField, ElidedLabel, Segments

if TYPE_CHECKING:
    from seqstudio.studio.session import Session

STEPS, MOST_STEPS = 600, 10_000
MOST_BITS = 8.0
SHADES = (("p", "Probability"), ("surprise", "Surprise"), ("entropy", "Entropy"))
ENDS = {"p": ("1", "0"), "surprise": ("0", "8 bits"), "entropy": ("0", "8 bits")}
VIEWS = [("guesses", "Guesses"), ("layers", "Layers"), ("plain", "Text"), ("beam", "Beam tree")]
_SIDE_FROM = 620


class PredictionsPanel(LookPanel):
    """A text with its predictions, the distribution at the cursor, and a beam tree from there."""

    title = "Predictions"
    icon = "sample"
    explanation: ClassVar[Explanation] = Explanation(
        "Below every token stand the likeliest next ones, the likeliest on top, darker with "
        "their probability; the one that came is underlined. Surprise is how unexpected what "
        "came was, in bits; entropy is the surprise that the model itself expected. Their means "
        "are near each other where the model knows how sure it can be. The loss is the surprise "
        "in nats.\n\n"
        "At the cursor the same distribution is shown after temperature, top k and top p, which "
        "are applied in the order in which the model writes.\n\n"
        "By layer (logit lens): the norm and head at the end of the model are put on every "
        "earlier layer. In a transformer all layers add to one stream, so this shows a guess "
        "getting better; in stacked recurrent layers the head was never taught to read the "
        "lower ones.\n\n"
        "Beam search keeps the likeliest continuations at every step. A model with attention "
        "sees a long text through the window that it was trained with, every token with at "
        "least half of it before; a recurrent model carries its state all through.",
        (
            r"p_t = \mathrm{softmax}(z_t)",
            r"s_t = -\log_2 p_t[w_{t+1}]",
            r"H_t = -\sum_v p_t[v] \log_2 p_t[v]",
            r"p_t^{(l)} = \mathrm{softmax}(W \, \mathrm{norm}(x_t^{(l)}) + b)",
        ),
        "Shannon 1951; Karpathy, Johnson, Li 2015, arXiv:1506.02078; nostalgebraist 2020, "
        "the logit lens; Holtzman et al. 2019, arXiv:1904.09751 (top p)",
    )

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._held = False
        self._sent: tuple[int, str] | None = None
        self._shade = ComboField(SHADES, "p", name="Colour")
        self._mode = Segments(VIEWS, name="View")
        self.header.add_switch(self._mode)
        self._probe = ProbeField()
        self.text_view, self.side = GuessText(), GuessSide()
        self.beam, self.answers, self.outlook = BeamDesk(session), AnswersView(), OutlookView()
        self._key = ShadeKey()
        self._remark = ElidedLabel("", "small", "textMid")
        self._body = _Body(self._probe, self._shade, self._key, self._remark, self.side)
        for view in (self.text_view, self.beam, self.answers, self.outlook):
            self._body.stack.addWidget(view)
        self._connect()
        self.set_body(self._body)

    def _connect(self) -> None:
        self._probe.chosen.connect(self._text_chosen)
        self._mode.value_changed.connect(self._switched)
        self._shade.value_changed.connect(self._switched)
        self.text_view.hovered.connect(self._hovered)
        self.text_view.clicked.connect(self._clicked)
        self.side.chosen.connect(self._token_chosen)
        self.side.choosing_changed.connect(self._chosen_otherwise)
        self.outlook.picked.connect(self._step_picked)

    # What is asked and shown

    @property
    def _steps(self) -> int:
        return MOST_STEPS if self.session.project.sampling.probe_text else STEPS

    @override
    def question(self) -> PredictionsOf:
        return PredictionsOf(self._steps)

    @override
    def draw(self) -> None:
        dataset = self.session.dataset
        self._probe.set_vocabulary(dataset.vocabulary if dataset else None)
        self._probe.set_text(self.session.project.sampling.probe_text)
        self._probe.setVisible(dataset is None or not dataset.generated)
        super().draw()

    @override
    def show_reading(self, reading: Predictions | Answers | Outlook) -> None:
        by_step = isinstance(reading, Predictions)
        self._mode.setVisible(by_step)
        self._body.set_detail(by_step)
        if isinstance(reading, Answers):
            self._body.stack.setCurrentWidget(self.answers)
            self.answers.set_answers(reading)
        elif isinstance(reading, Outlook):
            self._body.stack.setCurrentWidget(self.outlook)
            self.outlook.set_outlook(reading)
        else:
            self._show_text(reading)

    def _show_text(self, reading: Predictions) -> None:
        self._mode.set_enabled("layers", reading.lens is not None, reading.no_lens)
        self._mode.set_enabled("beam", reading.follows, "Classes have no continuation")
        allowed = {"layers": reading.lens is not None, "beam": reading.follows}
        if not allowed.get(self._mode.value(), True):
            self._mode.set_value("guesses")
        beam = self._mode.value() == "beam"
        self._body.stack.setCurrentWidget(self.beam if beam else self.text_view)
        shade = str(self._shade.value())
        self.text_view.set_content(content(reading, self._mode.value(), shade))
        self._key.set_ends(*ENDS[shade])
        self.side.top_k.number.set_range(0, len(reading.symbols))

    @override
    def show_cursor(self) -> None:
        reading = self.reading
        if isinstance(reading, Outlook):
            self.outlook.set_cursor(self.session.cursor.t)
        if not isinstance(reading, Predictions):
            return
        t = min(self.session.cursor.t, len(reading.tokens) - 1)
        self.text_view.set_cursor(t)
        self.side.set_reading(reading, t)
        if self._mode.value() == "beam":
            self.beam.want(t, self._steps, self.run, self.text(), self.side.choosing)

    @override
    def _invite(self) -> None:
        super()._invite()
        if self.refused is not None and self.session.project.sampling.probe_text:
            self.empty_action("Look at the held-out text", self._read_held_out, icon="text")

    @Slot()
    def _read_held_out(self) -> None:
        self._text_chosen("")

    @override
    def forget(self) -> None:
        super().forget()
        self.beam.forget()

    # What the person does

    @Slot(str)
    def _text_chosen(self, text: str) -> None:
        self._held = False
        self.session.set_probe_text(text)

    @Slot()
    def _switched(self, _value: object = None) -> None:
        self._drawn = None
        self.refresh()

    @Slot()
    def _chosen_otherwise(self) -> None:
        self.show_cursor()

    @Slot(int)
    def _hovered(self, t: int) -> None:
        if t >= 0 and not self._held:
            self._go(t)

    @Slot(int)
    def _clicked(self, t: int) -> None:
        """Hold the cursor on a token; a click on the same one lets it follow the pointer again."""
        self._held = not (self._held and t == self.session.cursor.t)
        self._go(t)
        self._tell_text()

    def _go(self, t: int) -> None:
        reading = self.reading
        if isinstance(reading, Predictions):
            self.session.move_cursor(t=t, token=reading.tokens[t])

    @Slot(int)
    def _step_picked(self, t: int) -> None:
        self.session.move_cursor(t=t)

    @Slot(str)
    def _token_chosen(self, token: str) -> None:
        self.session.move_cursor(token=token)

    # Words

    @override
    def words(self, reading: Predictions | Answers | Outlook) -> str:
        if isinstance(reading, Answers):
            return f"{len(reading.examples)} held-out examples"
        if isinstance(reading, Outlook):
            return f"{len(reading.expected)} steps, one held-out example"
        loss = mean_loss(reading)
        known = f", mean loss {loss:.3f} nats" if np.isfinite(loss) else ""
        return f"{len(reading.tokens):,} steps{known}"

    @override
    def tell(self) -> None:
        super().tell()
        self._tell_text()

    def _tell_text(self) -> None:
        self._remark.setText(told_about(self.reading, self._held))

    @override
    def measured(self) -> list[tuple[str, str]]:
        reading = self.reading
        if self.looked is None or not isinstance(reading, Predictions):
            return []
        surprise = -np.log2(reading.true_p)
        return [
            ("Weights", self.looked.weights),
            ("Steps", f"{len(reading.tokens):,}, left off {reading.cut:,}"),
            ("Mean loss", f"{mean_loss(reading):.4f} nats"),
            ("Mean surprise", f"{np.nanmean(surprise):.3f} bits"),
            ("Mean entropy", f"{reading.entropy.mean():.3f} bits"),
            ("Best guess came", f"{first_right(reading):.1%}"),
            ("Cost of the look", f"{self.looked.cost_s * 1000:.0f} ms"),
        ]

    @override
    def numbers(self) -> dict[str, NDArray[Any]]:
        reading = self.reading
        if not isinstance(reading, Predictions):
            return super().numbers()
        found: dict[str, NDArray[Any]] = {
            "tokens": np.array(reading.tokens),
            "symbols": np.array(reading.symbols),
            "true": reading.true,
            "p_true": reading.true_p,
            "loss_nats": -np.log(reading.true_p),
            "entropy_bits": reading.entropy,
            "best": reading.best,
            "p_best": reading.p,
            "logits": reading.logits,
        }
        if reading.lens is not None:
            found["lens_best"], found["lens_p"] = reading.lens.best, reading.lens.p
        tree = self.beam.tree
        if tree is not None and self._mode.value() == "beam":
            found |= {"beam_parent": tree.parent, "beam_token": tree.token,
                      "beam_log_p": tree.log_p, "beam_total": tree.total}  # fmt: skip
        return found


class _Body(SideBody):
    """The text field, what is chosen, a line of words, and the side where there is room."""

    def __init__(
        self,
        probe: ProbeField,
        shade: ComboField,
        key: ShadeKey,
        told: ElidedLabel,
        side: GuessSide,
    ) -> None:
        super().__init__(side, _SIDE_FROM)
        self.stack = QStackedWidget()
        self._shade, self._key = shade, key
        line = QHBoxLayout()
        line.setContentsMargins(12, 4, 12, 6)
        line.setSpacing(10)
        shade.setFixedWidth(132)
        line.addWidget(told, 1)
        line.addWidget(shade)
        line.addWidget(key)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.stack, 1)
        left.addLayout(line)
        columns = QHBoxLayout()
        columns.setSpacing(0)
        columns.addLayout(left, 1)
        columns.addWidget(side)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(probe)
        rows.addLayout(columns, 1)
        follow_theme(self)

    def set_detail(self, on: bool) -> None:
        """Show the parts that belong to a distribution a step, or not."""
        self._shade.setVisible(on)
        self._key.setVisible(on)
        self.set_side_wanted(on)


def content(reading: Predictions, view: str, shade: str) -> GuessContent:
    """Return what the text shows in a view: guesses, layers or the text alone."""
    surprise = -np.log2(np.maximum(reading.true_p, 1e-30))
    shades = {
        "p": 1.0 - reading.true_p,
        "surprise": np.minimum(surprise / MOST_BITS, 1.0),
        "entropy": np.minimum(reading.entropy / MOST_BITS, 1.0),
    }
    if view == "plain":
        return GuessContent(reading.tokens, reading.symbols, shades[shade])
    numbers = (("surprise", surprise), ("entropy", reading.entropy))
    rows = tuple(f"guess {number + 1}" for number in range(reading.best.shape[1]))
    best, p = reading.best, reading.p
    if view == "layers" and reading.lens is not None:
        rows = short_names(reading.lens.names)[::-1]
        best, p = reading.lens.best[::-1, :, 0].T, reading.lens.p[::-1, :, 0].T.astype(float)
    return GuessContent(
        reading.tokens, reading.symbols, shades[shade], rows, best, p, reading.true, numbers
    )


def mean_loss(reading: Predictions) -> float:
    """Return the mean loss in nats over the steps that are asked about, NaN without any."""
    asked = reading.true_p[np.isfinite(reading.true_p)]
    return float(-np.log(np.maximum(asked, 1e-300)).mean()) if len(asked) else float("nan")


def first_right(reading: Predictions) -> float:
    """Return the share of steps at which the best guess came."""
    asked = reading.true >= 0
    return float((reading.best[asked, 0] == reading.true[asked]).mean()) if asked.any() else 0.0


def told_about(reading: object, held: bool) -> str:
    """Return words below the text: what is meant, what was left out."""
    if isinstance(reading, Answers):
        bright = "bright = the true class" if reading.classes else "violet predicted, white true"
        return f"held-out examples, {bright}"
    if isinstance(reading, Outlook):
        return "outlined = what came" if reading.notes else "band = one standard deviation"
    if not isinstance(reading, Predictions):
        return ""
    what = "comes next" if reading.follows else "is asked here"
    parts = ["held: click it again to follow the pointer" if held else "click to hold a token"]
    parts.append(f"surprise and entropy in bits, of what {what}")
    if reading.source:
        between = " " if any(len(word) > 1 for word in reading.source) else ""
        parts.insert(0, f"source: {between.join(reading.source)}")
    if reading.skipped:
        parts.insert(0, f"left out, unknown to the model: {' '.join(reading.skipped)}")
    if reading.cut:
        parts.append(f"{reading.cut:,} more steps are not shown")
    return " · ".join(parts)
