"""Controls of the studio. Each follows the theme by itself and knows nothing of projects or runs.

labels        Label, ElidedLabel, StatValue
buttons       Button, IconButton, Segments
number_field  NumberField                    numbers: format_number, parse_number
slider        SliderField
fields        ComboField, CheckField, TextField, SearchField, FormRow
header        PanelHeader
messages      InlineError, EmptyState
toast         ToastStack
coach         CoachMark
progress      ProgressBar
equation      EquationView
token_strip   TokenStrip

Fields have `value()`, a silent `set_value()`, `value_changed` (live) and `committed` (end of the
gesture: one undo step). `set_invalid(reason)` marks a field; `FormRow` then tells the reason.
"""

from seqstudio.studio.widgets.buttons import Button, IconButton, Segments
from seqstudio.studio.widgets.coach import CoachMark
from seqstudio.studio.widgets.equation import EquationView
from seqstudio.studio.widgets.fields import (
    CheckField,
    ComboField,
    FormRow,
    SearchField,
    TextField,
)
from seqstudio.studio.widgets.header import PanelHeader
from seqstudio.studio.widgets.labels import ElidedLabel, Label, StatValue, repolish
from seqstudio.studio.widgets.messages import EmptyState, InlineError
from seqstudio.studio.widgets.number_field import NumberField
from seqstudio.studio.widgets.numbers import format_number, parse_number
from seqstudio.studio.widgets.progress import ProgressBar
from seqstudio.studio.widgets.slider import SliderField
from seqstudio.studio.widgets.toast import Toast, ToastStack
from seqstudio.studio.widgets.token_strip import TokenStrip

__all__ = [
    "Button",
    "CheckField",
    "CoachMark",
    "ComboField",
    "ElidedLabel",
    "EmptyState",
    "EquationView",
    "FormRow",
    "IconButton",
    "InlineError",
    "Label",
    "NumberField",
    "PanelHeader",
    "ProgressBar",
    "SearchField",
    "Segments",
    "SliderField",
    "StatValue",
    "TextField",
    "Toast",
    "ToastStack",
    "TokenStrip",
    "format_number",
    "parse_number",
    "repolish",
]
