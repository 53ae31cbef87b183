"""How numbers are written and read in fields and read-outs. No Qt.

A form is "int" (1,024), ".2f" with any number of decimals (0.10), "sci" (2.0e-3) or "auto" (at
most four significant digits). Minus is written U+2212; both minus signs are read.
"""

from __future__ import annotations

import math

MINUS = "−"


def format_number(value: float, form: str = "auto") -> str:
    """Return a number as the studio writes it; "∞" and "not a number" are spelled out."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return _written(value, form).replace("-", MINUS, 1 if value < 0 else 0)


def _written(value: float, form: str) -> str:
    if form == "int":
        return f"{round(value):,}"
    if form == "sci":
        return _scientific(value)
    if form == "auto":
        return _shortest(value)
    return _without_negative_zero(f"{value:,{form}}")


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _shortest(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e6:
        return _scientific(value)
    if value == round(value):
        return f"{round(value):,}"
    decimals = max(0, 3 - math.floor(math.log10(abs(value))))
    return _without_negative_zero(f"{value:,.{decimals}f}".rstrip("0").rstrip("."))


def _without_negative_zero(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.,") else text


def parse_number(text: str) -> float | None:
    """Return the number in a text, or None: 1,024 · 2e-3 · −0.5 are all read."""
    plain = (
        text.strip().replace(MINUS, "-").replace(",", "").replace(" ", "").replace("\u2009", "")
    )
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def quantise(value: float, form: str) -> float:
    """Return `value` rounded to what its form can show, so that field and value agree."""
    if form == "int":
        return float(round(value))
    if form == "auto":
        return float(f"{value:.4g}")
    return float(f"{value:.1e}") if form == "sci" else float(f"{value:{form}}")


def range_text(minimum: float, maximum: float, form: str = "auto") -> str:
    """Return a range in words, "" when there is no bound."""
    low, high = (format_number(bound, form) for bound in (minimum, maximum))
    if math.isinf(minimum) and math.isinf(maximum):
        return ""
    if math.isinf(maximum):
        return f"{low} or more"
    return f"{high} or less" if math.isinf(minimum) else f"{low} to {high}"
