"""One declaration of a setting: name, type, range, unit, default, help.

Blocks, data, training and sampling settings are all tables of `Param`. The inspector's form, the
command line's `--set`, the check of a project file and the documentation are derived from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from seqstudio.core.errors import SeqError

Value = bool | int | float | str
Kind = Literal["int", "float", "bool", "choice", "text", "path"]


class ParamError(SeqError):
    """A value that a setting does not take; the old value stays in force."""


_NAMED = 24  # choices in a sentence


@dataclass(frozen=True, slots=True)
class Param:
    """A setting of a block, of the data or of the training.

    Attributes:
        name: Key in the project file and for `--set`.
        title: Label in the form.
        kind: Type of the value.
        default: Value of a new block or project.
        low: Smallest number allowed.
        high: Largest number allowed.
        choices: For kind "choice": (value, label) pairs in the order shown.
        unit: Shown behind the field, "" for a pure number.
        help: One or two sentences: what it does and when to change it.
        log: Slider runs over decades.
        live: May change while a run goes on, without a restart.
    """

    name: str
    title: str
    kind: Kind
    default: Value
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    help: str = ""
    log: bool = False
    live: bool = False

    def parse(self, value: object) -> Value:
        """Return `value` in the right type.

        Raises:
            ParamError: Wrong type or out of range; the hint gives the range.
        """
        match self.kind:
            case "bool":
                return self._parse_bool(value)
            case "choice":
                return self._parse_choice(value)
            case "text" | "path":
                return self._parse_text(value)
            case _:
                return self._parse_number(value)

    def range_text(self) -> str:
        """Return the allowed values in words, for a tool tip or an error."""
        if self.kind == "choice":
            known = [value for value, _ in self.choices]
            more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
            return "one of " + ", ".join(known[:_NAMED]) + more
        if self.kind == "bool":
            return "on or off"
        low, high = _number(self.low), _number(self.high)
        if math.isinf(self.low):
            return f"at most {high}" if not math.isinf(self.high) else "any number"
        return f"at least {low}" if math.isinf(self.high) else f"{low} to {high}"

    def _refuse(self, value: object, why: str) -> ParamError:
        shown = repr(value) if isinstance(value, str) else str(value)
        what = f"{self.title} cannot be {shown[:40]}"
        return ParamError(what, why, f"Use {self.range_text()}")

    def _parse_bool(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        words = {"on": True, "true": True, "yes": True, "1": True}
        words |= {"off": False, "false": False, "no": False, "0": False}
        known = words.get(str(value).lower())
        if known is None:
            raise self._refuse(value, "it is switched on or off")
        return known

    def _parse_choice(self, value: object) -> str:
        if not any(value == known for known, _ in self.choices):
            raise self._refuse(value, "there is no such choice")
        return str(value)

    def _parse_text(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > 100_000:
            raise self._refuse(value, "a text is needed")
        return value

    def _parse_number(self, value: object) -> int | float:
        try:
            number = float(value) if isinstance(value, (int, float, str)) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number) or isinstance(value, bool):
            raise self._refuse(value, "a number is needed")
        if not self.low <= number <= self.high:
            raise self._refuse(value, "it is out of range")
        if self.kind == "float":
            return number
        if number != int(number):
            raise self._refuse(value, "a whole number is needed")
        return int(number)


def defaults(params: Iterable[Param]) -> dict[str, Value]:
    """Return the default of every setting."""
    return {param.name: param.default for param in params}


def parse_all(params: Iterable[Param], given: Mapping[str, object]) -> dict[str, Value]:
    """Return a value for every setting: the given one where there is one, else the default.

    Raises:
        ParamError: A given value is refused.
    """
    return {
        param.name: param.parse(given[param.name]) if param.name in given else param.default
        for param in params
    }


def _number(value: float) -> str:
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    return f"{value:,.0f}" if whole else f"{value:g}"
