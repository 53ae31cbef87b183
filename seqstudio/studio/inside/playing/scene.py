"""The formula of one time step as lines of terms, each with its real vector.

Symbols are written like LaTeX without commands: `W_{hh} h_{t−1}`; `ink` paints them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from seqstudio.records.inside.player import Outcome, Played
from seqstudio.records.readings import Floats
from seqstudio.studio.inside.playing.playhead import Playhead
from seqstudio.studio.inside.playing.sums import Picture, Sums
from seqstudio.studio.widgets.numbers import format_number

Axis = Literal["unit", "input", "matrix"]
Look = Literal["signed", "gate"]
GATES = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n")}
GATE_WORDS = {"i": "input gate", "f": "forget gate", "g": "candidate", "o": "output gate",
              "r": "reset gate", "z": "keep gate", "n": "candidate"}  # fmt: skip
MATRIX_SIGNS = {"w_hh": "W_{hh}", "w_ih": "W_{ih}", "b": "b"}
_SQUASHED = frozenset("gn")  # by tanh; the other gates by the sigmoid


@dataclass(frozen=True)
class Term:
    """One vector or matrix of a formula.

    Attributes:
        name: Its symbol.
        values: (n,) or, of a matrix, (rows, columns).
        sign: What stands before it: "", "+", "⊙", "=", "→ tanh".
        axis: What its numbers belong to.
        limit: ±limit are the ends of the colours; of a gate 0 and 1 are.
        look: Colours.
        picture: Of a matrix: `values` is reduced, this tells how.
    """

    name: str
    values: Floats
    sign: str = ""
    axis: Axis = "unit"
    limit: float = 1.0
    look: Look = "signed"
    picture: Picture | None = None

    @property
    def norm(self) -> float:
        """Euclidean norm; of a matrix the Frobenius norm."""
        return float(np.linalg.norm(self.values)) if self.picture is None else self.picture.norm


@dataclass(frozen=True)
class Line:
    """One line of the formula.

    Attributes:
        key: Which lines of the code it is.
        title: What it does, in words.
        terms: What stands in it; the last one is the result.
        outcome: What the model said, in the line of the output.
        share: Share of the gradient that is reached, in the line of the sum; else NaN.
        note: A remark behind the title.
    """

    key: str
    title: str
    terms: tuple[Term, ...]
    outcome: Outcome | None = None
    share: float = float("nan")
    note: str = ""


def scene(played: Played, head: Playhead, sums: Sums) -> tuple[Line, ...]:
    """Return the lines of a time step.

    Args:
        played: All numbers.
        head: Which step of which sweep.
        sums: The gradient that is added up in the backward sweep; forward its matrix is shown.
    """
    t = head.t
    if head.phase == "forward":
        middle = {"lstm": _lstm_on, "gru": _gru_on}.get(played.kind, _plain_on)(played, t)
        return (_reads(played, t), *middle, _output(played, t), *_product(sums, t))
    middle = {"lstm": _lstm_back, "gru": _gru_back}.get(played.kind, _plain_back)(played, t)
    return (_arrives(played, t), *middle, _adds_up(played, t, sums))


# ------------------------------------------------------------------------------- forward


def _before(played: Played, t: int) -> Floats:
    return played.h[t - 1] if t else played.h0


def _cell_before(played: Played, t: int) -> Floats:
    assert played.c is not None
    assert played.c0 is not None
    return played.c[t - 1] if t else played.c0


def _largest(*arrays: Floats) -> float:
    """Return a limit for colours: the largest magnitude, 1 where all is zero."""
    return max((float(np.abs(array).max(initial=0.0)) for array in arrays), default=0.0) or 1.0


def _state_limit(played: Played) -> float:
    return _largest(played.h) if played.kind == "rnn_relu" else 1.0


def _reads(played: Played, t: int) -> Line:
    terms = [
        Term("x_t", played.x[t], "", "input", _largest(played.x)),
        Term("h_{t−1}", _before(played, t), "", limit=_state_limit(played)),
    ]
    if played.c is not None:
        terms.append(Term("c_{t−1}", _cell_before(played, t), limit=_largest(played.c)))
    note = "the state before the text" if t == 0 else ""
    return Line("read", "reads", tuple(terms), note=note)


def _plain_on(played: Played, t: int) -> tuple[Line, ...]:
    bias = played.b_ih + played.b_hh
    z = played.from_x + played.from_h + bias
    limit = _largest(played.from_x, played.from_h, z)
    squash = "ReLU" if played.kind == "rnn_relu" else "tanh"
    return (
        Line("z", "pre-activation", (
            Term("W_{ih} x_t", played.from_x[t], limit=limit),
            Term("W_{hh} h_{t−1}", played.from_h[t], "+", limit=limit),
            Term("b", bias, "+", limit=limit),
            Term("z_t", z[t], "=", limit=limit),
        )),
        Line("h", "new state", (
            Term("z_t", z[t], squash, limit=limit),
            Term("h_t", played.h[t], "=", limit=_state_limit(played)),
        )),
    )  # fmt: skip


def _gate_limit(played: Played, number: int) -> float:
    """Return the scale of a gate's pre-activation, the same at every step."""
    own = _rows(played, number)
    x, h = played.from_x[:, own], played.from_h[:, own]
    bias = (played.b_ih + played.b_hh)[own]
    return _largest(x, h, bias, x + h + bias)


def _lstm_on(played: Played, t: int) -> tuple[Line, ...]:
    assert played.c is not None
    bias = played.b_ih + played.b_hh
    cells = _largest(played.c)
    lines = []
    for number, name in enumerate(GATES["lstm"]):
        own, limit = _rows(played, number), _gate_limit(played, number)
        x, h, b = played.from_x[t][own], played.from_h[t][own], bias[own]
        lines.append(
            Line(name, GATE_WORDS[name], (
                Term(f"W_{{i{name}}} x_t", x, limit=limit),
                Term(f"W_{{h{name}}} h_{{t−1}}", h, "+", limit=limit),
                Term(f"b_{name}", b, "+", limit=limit),
                Term(f"z_{name}", x + h + b, "=", limit=limit),
                _gate(played, t, number, name, _squash(name)),
            ))
        )  # fmt: skip
    lines.append(
        Line("c", "new cell", (
            _gate(played, t, 1, "f"),
            Term("c_{t−1}", _cell_before(played, t), "⊙", limit=cells),
            _gate(played, t, 0, "i", "+"),
            _gate(played, t, 2, "g", "⊙"),
            Term("c_t", played.c[t], "=", limit=cells),
        ))
    )  # fmt: skip
    lines.append(
        Line("h", "new state", (
            _gate(played, t, 3, "o"),
            Term("tanh c_t", np.tanh(played.c[t]), "⊙"),
            Term("h_t", played.h[t], "="),
        ))
    )  # fmt: skip
    return tuple(lines)


def _squash(gate: str) -> str:
    return "tanh" if gate in _SQUASHED else "σ"


def _rows(played: Played, number: int) -> slice:
    return slice(number * played.units, (number + 1) * played.units)


def _values(played: Played, t: int, number: int) -> Floats:
    found: Floats = played.gates[t][_rows(played, number)]
    return found


def _gate(played: Played, t: int, number: int, name: str, sign: str = "") -> Term:
    look: Look = "signed" if name in _SQUASHED else "gate"
    return Term(f"{name}_t", _values(played, t, number), sign, look=look)


def _gru_on(played: Played, t: int) -> tuple[Line, ...]:
    lines = []
    for number, name in enumerate(("r", "z")):
        own, limit = _rows(played, number), _gate_limit(played, number)
        x, h = played.from_x[t][own], played.from_h[t][own]
        b = (played.b_ih + played.b_hh)[own]
        lines.append(
            Line(name, GATE_WORDS[name], (
                Term(f"W_{{i{name}}} x_t", x, limit=limit),
                Term(f"W_{{h{name}}} h_{{t−1}}", h, "+", limit=limit),
                Term(f"b_{name}", b, "+", limit=limit),
                Term(f"a_{name}", x + h + b, "=", limit=limit),
                _gate(played, t, number, name, "σ"),
            ))
        )  # fmt: skip
    own, limit = _rows(played, 2), _gate_limit(played, 2)
    a, b = played.from_x[t][own] + played.b_ih[own], played.from_h[t][own] + played.b_hh[own]
    r, z = _values(played, t, 0), _values(played, t, 1)
    lines.append(
        Line("n", GATE_WORDS["n"], (
            Term("W_{in} x_t + b_{in}", a, limit=limit),
            _gate(played, t, 0, "r", "+"),
            Term("(W_{hn} h_{t−1} + b_{hn})", b, "⊙", limit=limit),
            Term("a_n", a + r * b, "=", limit=limit),
            _gate(played, t, 2, "n", "tanh"),
        ))
    )  # fmt: skip
    lines.append(
        Line("h", "new state", (
            Term("1 − z_t", 1 - z, look="gate"),
            _gate(played, t, 2, "n", "⊙"),
            _gate(played, t, 1, "z", "+"),
            Term("h_{t−1}", _before(played, t), "⊙"),
            Term("h_t", played.h[t], "="),
        ))
    )  # fmt: skip
    return tuple(lines)


def _output(played: Played, t: int) -> Line:
    outcome = played.outcomes[t]
    silent = not outcome.target and not outcome.likely
    note = "no loss stands at this step" if silent else ""
    return Line("out", "answer, loss", (), outcome, note=note)


# ------------------------------------------------------------------------------ backward


def _through_keep(played: Played, t: int) -> Floats:
    """Return the part of dL/dh_t of a GRU that came through z_{t+1} h_t."""
    if t + 1 >= played.steps:
        return np.zeros(played.units)
    found: Floats = _values(played, t + 1, 1) * played.total[t + 1]
    return found


def _arrives(played: Played, t: int) -> Line:
    e, total = played.direct[t], played.total[t]
    limit = _largest(e, played.back[t], total)
    last = t + 1 >= played.steps
    terms = [Term("e_t", e, limit=limit)]
    if played.kind == "gru" and not last:
        kept = _through_keep(played, t)
        terms.append(Term("W_{hh}^{⊤} δ_{t+1}", played.back[t] - kept, "+", limit=limit))
        terms.append(Term("z_{t+1} ⊙ ∂L/∂h_{t+1}", kept, "+", limit=limit))
    else:
        terms.append(Term("W_{hh}^{⊤} δ_{t+1}", played.back[t], "+", limit=limit))
    terms.append(Term("∂L/∂h_t", total, "=", limit=limit))
    note = "nothing comes after the last step" if last else ""
    if t == 0:
        left = float(np.linalg.norm(played.before))
        note = f"the gradient stops here, ‖∂L/∂h₀‖ {format_number(left)}"
    return Line("dh", "arrives at h", tuple(terms), note=note)


def _plain_back(played: Played, t: int) -> tuple[Line, ...]:
    total, dz, h = played.total[t], played.dz[t], played.h[t]
    limit = _largest(total, dz)
    relu = played.kind == "rnn_relu"
    slope = (h > 0).astype(float) if relu else 1 - h * h
    return (
        Line("dz", "through ReLU" if relu else "through tanh", (
            Term("∂L/∂h_t", total, limit=limit),
            Term("1[h_t > 0]" if relu else "1 − h_t^2", slope, "⊙", look="gate"),
            Term("δ_t", dz, "=", limit=limit),
        )),
    )  # fmt: skip


def _lstm_back(played: Played, t: int) -> tuple[Line, ...]:
    assert played.c is not None
    assert played.total_c is not None
    assert played.back_c is not None
    i, f, g, o = (_values(played, t, number) for number in range(4))
    before, tanh_c = _cell_before(played, t), np.tanh(played.c[t])
    dh, dc = played.total[t], played.total_c[t]
    limit, cells = _largest(dh, dc, played.back_c[t]), _largest(played.c)
    last = t + 1 >= played.steps
    by_f = "from the last cell" if last else "f_{t+1} ⊙ ∂L/∂c_{t+1}"
    dc_line = Line("dc", "arrives at c", (
        Term(by_f, played.back_c[t], limit=limit),
        Term("∂L/∂h_t", dh, "+", limit=limit),
        Term("o_t (1 − tanh^2 c_t)", o * (1 - tanh_c**2), "⊙", look="gate"),
        Term("∂L/∂c_t", dc, "=", limit=limit),
    ))  # fmt: skip
    by_c = Term("∂L/∂c_t", dc, limit=limit)
    factors = {
        "i": (by_c, Term("g_t", g, "⊙"), Term("i_t (1 − i_t)", i * (1 - i), "⊙", look="gate")),
        "f": (by_c, Term("c_{t−1}", before, "⊙", limit=cells),
              Term("f_t (1 − f_t)", f * (1 - f), "⊙", look="gate")),
        "g": (by_c, Term("i_t", i, "⊙", look="gate"),
              Term("1 − g_t^2", 1 - g * g, "⊙", look="gate")),
        "o": (Term("∂L/∂h_t", dh, limit=limit), Term("tanh c_t", tanh_c, "⊙"),
              Term("o_t (1 − o_t)", o * (1 - o), "⊙", look="gate")),
    }  # fmt: skip
    return (dc_line, *(_delta(played, t, n, name, factors[name])
                       for n, name in enumerate(GATES["lstm"])))  # fmt: skip


def _delta(played: Played, t: int, number: int, name: str, terms: tuple[Term, ...]) -> Line:
    """Return the line of dL by the pre-activation of a gate; each line has its own scale."""
    dz = played.dz[t][_rows(played, number)]
    result = Term(f"δ_{name}", dz, "=", limit=_largest(dz))
    return Line(f"d{name}", GATE_WORDS[name], (*terms, result))


def _gru_back(played: Played, t: int) -> tuple[Line, ...]:
    r, z, n = (_values(played, t, number) for number in range(3))
    own = _rows(played, 2)
    from_h = played.from_h[t][own] + played.b_hh[own]
    dh, dn, before = played.total[t], played.dz[t][own], _before(played, t)
    limit = _largest(dh)
    by_h = Term("∂L/∂h_t", dh, limit=limit)
    factors = {
        "n": (by_h, Term("1 − z_t", 1 - z, "⊙", look="gate"),
              Term("1 − n_t^2", 1 - n * n, "⊙", look="gate")),
        "z": (by_h, Term("(h_{t−1} − n_t)", before - n, "⊙", limit=_largest(before - n)),
              Term("z_t (1 − z_t)", z * (1 - z), "⊙", look="gate")),
        "r": (Term("δ_n", dn, limit=_largest(dn)),
              Term("(W_{hn} h_{t−1} + b_{hn})", from_h, "⊙", limit=_gate_limit(played, 2)),
              Term("r_t (1 − r_t)", r * (1 - r), "⊙", look="gate")),
    }  # fmt: skip
    return tuple(_delta(played, t, GATES["gru"].index(k), k, factors[k]) for k in ("n", "z", "r"))


def _matrix(name: str, picture: Picture, sign: str = "", limit: float = 0.0) -> Term:
    limit = limit or picture.largest
    return Term(name, picture.values, sign, "matrix", limit, picture=picture)


def _adds_up(played: Played, t: int, sums: Sums) -> Line:
    own, whole = sums.part(t), sums.since(0)
    limit = whole.largest
    by_h = "δ^h_t" if played.dz_h is not None else "δ_t"
    names = {"w_hh": f"{by_h} h_{{t−1}}^{{⊤}}", "w_ih": "δ_t x_t^{⊤}", "b": "δ_t"}
    none = replace(whole, values=np.zeros_like(whole.values), norm=0.0)
    later = sums.since(t + 1) if t + 1 < played.steps else none
    terms = (
        _matrix(names[sums.matrix], own),
        _matrix("Σ_{s>t}", later, "+", limit),
        _matrix("Σ_{s≥t}", sums.since(t), "=", limit),
        _matrix(f"∂L/∂{MATRIX_SIGNS[sums.matrix]}", whole, "of", limit),
    )
    return Line("dw", "adds its part", terms, share=sums.reached(t))


def _product(sums: Sums, t: int) -> tuple[Line, ...]:
    """Return the line of the matrix and of its product, number by number."""
    weight, product, total = sums.weight, sums.product(t), sums.product_sum(t)
    if weight is None or product is None or total is None:
        return ()
    sign, by = MATRIX_SIGNS[sums.matrix], "h_{t−1}" if sums.matrix == "w_hh" else "x_t"
    terms = (
        _matrix(sign, weight),
        _matrix(f"{sign}[i,j] {by}[j]", product, "→"),
        _matrix(f"{sign} {by}", total, "Σ_j"),
    )
    return (Line("z i f g o r n", "number by number", terms),)
