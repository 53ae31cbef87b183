"""The code and the formulas of a step, by kind of cell. The code runs as it stands."""

from __future__ import annotations

from dataclasses import dataclass

from seqstudio.studio.inside.playing.playhead import Phase


@dataclass(frozen=True)
class Listing:
    """Lines of Python.

    Attributes:
        text: The source.
        lines: Numbers of the lines, from 1, that a line of the scene stands for.
        sweeps: First and last line of the forward and of the backward loop.
    """

    text: str
    lines: dict[str, tuple[int, ...]]
    sweeps: dict[Phase, tuple[int, int]]


_PLAIN = """\
h, hs = h0, [h0]                                  # read
for t in range(T):
    z = W_ih @ x[t] + W_hh @ h + b_ih + b_hh      # z
    h = torch.{squash}(z)                              # h
    hs.append(h)                                  # h
    # loss += cross_entropy(head(h), y[t])        # out

dz = torch.zeros_like(h0)
for t in reversed(range(T)):
    dh = e[t] + W_hh.T @ dz                       # dh
    dz = dh * {slope}                # dz
    dW_hh += torch.outer(dz, hs[t])               # dw
    dW_ih += torch.outer(dz, x[t])                # dw
    db += dz                                      # dw
"""

_LSTM = """\
h, c, steps = h0, c0, []                          # read
for t in range(T):
    before = h, c                                 # read
    z = W_ih @ x[t] + W_hh @ h + b_ih + b_hh      # i f g o
    i, f, g, o = z.chunk(4)                       # i f g o
    i, f = i.sigmoid(), f.sigmoid()               # i f
    g, o = g.tanh(), o.sigmoid()                  # g o
    c = f * c + i * g                             # c
    h = o * torch.tanh(c)                         # h
    steps.append((before, i, f, g, o, c))         # h
    # loss += cross_entropy(head(h), y[t])        # out

dz, back = torch.zeros(4 * N), 0.0
for t in reversed(range(T)):
    (h, c_before), i, f, g, o, c = steps[t]
    dh = e[t] + W_hh.T @ dz                       # dh
    tc = torch.tanh(c)                            # dc do
    dc = back + dh * o * (1 - tc ** 2)            # dc
    di = dc * g * i * (1 - i)                     # di
    df = dc * c_before * f * (1 - f)              # df
    dg = dc * i * (1 - g ** 2)                    # dg
    do = dh * tc * o * (1 - o)                    # do
    dz = torch.cat([di, df, dg, do])              # di df dg do
    back = f * dc                                 # dc
    dW_hh += torch.outer(dz, h)                   # dw
    dW_ih += torch.outer(dz, x[t])                # dw
    db += dz                                      # dw
"""

_GRU = """\
h, steps = h0, []                                 # read
for t in range(T):
    a = W_ih @ x[t] + b_ih                        # r z n
    b = W_hh @ h + b_hh                           # r z n
    ar, az, an = a.chunk(3)                       # r z n
    br, bz, bn = b.chunk(3)                       # r z n
    r = torch.sigmoid(ar + br)                    # r
    z = torch.sigmoid(az + bz)                    # z
    n = torch.tanh(an + r * bn)                   # n
    steps.append((h, r, z, n, bn))                # read
    h = (1 - z) * n + z * h                       # h
    # loss += cross_entropy(head(h), y[t])        # out

dz_h, kept = torch.zeros(3 * N), 0.0
for t in reversed(range(T)):
    h, r, z, n, bn = steps[t]
    dh = e[t] + W_hh.T @ dz_h + kept              # dh
    dn = dh * (1 - z) * (1 - n ** 2)              # dn
    dz = dh * (h - n) * z * (1 - z)               # dz
    dr = dn * bn * r * (1 - r)                    # dr
    dz_h = torch.cat([dr, dz, dn * r])            # dw
    dz_x = torch.cat([dr, dz, dn])                # dw
    kept = dh * z                                 # dh
    dW_hh += torch.outer(dz_h, h)                 # dw
    dW_ih += torch.outer(dz_x, x[t])              # dw
    db += dz_x                                    # dw
"""


def listing(kind: str) -> Listing:
    """Return the code of a kind of cell: "rnn_tanh", "rnn_relu", "lstm" or "gru"."""
    if kind == "lstm":
        return _read(_LSTM)
    if kind == "gru":
        return _read(_GRU)
    relu = kind == "rnn_relu"
    slope = "(hs[t + 1] > 0)     " if relu else "(1 - hs[t + 1] ** 2)"
    return _read(_PLAIN.format(squash="relu" if relu else "tanh", slope=slope))


def _read(marked: str) -> Listing:
    """Take the marks at the ends of the lines away and keep which lines they mark."""
    text: list[str] = []
    lines: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(marked.splitlines(), 1):
        code, _, keys = line.rpartition("  # ") if "  # " in line else (line, "", "")
        text.append(code.rstrip())
        for key in keys.split():
            lines[key] = (*lines.get(key, ()), number)
    loops = [number for number, line in enumerate(text, 1) if line.startswith("for ")]
    gap = text.index("") + 1
    sweeps: dict[Phase, tuple[int, int]] = {
        "forward": (loops[0], gap - 1),
        "backward": (loops[1], len(text)),
    }
    return Listing("\n".join(text), lines, sweeps)


FORWARD = {
    "rnn_tanh": (
        r"h_t = \tanh(W_{ih}\, x_t + W_{hh}\, h_{t-1} + b)",
        r"p_t = \mathrm{softmax}(W_{hy}\, h_t + b_y) \qquad L_t = -\ln p_t[y_t]",
    ),
    "rnn_relu": (
        r"h_t = \max(0,\; W_{ih}\, x_t + W_{hh}\, h_{t-1} + b)",
        r"p_t = \mathrm{softmax}(W_{hy}\, h_t + b_y) \qquad L_t = -\ln p_t[y_t]",
    ),
    "lstm": (
        r"i, f, o = \sigma(W_{ih}\, x_t + W_{hh}\, h_{t-1} + b) \qquad g = \tanh(\cdot)",
        r"c_t = f_t \odot c_{t-1} + i_t \odot g_t \qquad h_t = o_t \odot \tanh c_t",
    ),
    "gru": (
        r"r, z = \sigma(W_{ih}\, x_t + W_{hh}\, h_{t-1} + b)",
        r"n_t = \tanh(W_{in}\, x_t + b_{in} + r_t \odot (W_{hn}\, h_{t-1} + b_{hn}))",
        r"h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}",
    ),
}
_SUMS = (
    r"\frac{\partial L}{\partial W_{hh}} = \sum_t \delta_t\, h_{t-1}^{\top} \qquad "
    r"\frac{\partial L}{\partial W_{ih}} = \sum_t \delta_t\, x_t^{\top}",
)
BACKWARD = {
    "rnn_tanh": (
        r"\frac{\partial L}{\partial h_t} = e_t + W_{hh}^{\top} \delta_{t+1} \qquad "
        r"\delta_t = (1 - h_t^2) \odot \frac{\partial L}{\partial h_t}",
        *_SUMS,
    ),
    "rnn_relu": (
        r"\frac{\partial L}{\partial h_t} = e_t + W_{hh}^{\top} \delta_{t+1} \qquad "
        r"\delta_t = 1[h_t > 0] \odot \frac{\partial L}{\partial h_t}",
        *_SUMS,
    ),
    "lstm": (
        r"\frac{\partial L}{\partial h_t} = e_t + W_{hh}^{\top} \delta_{t+1}",
        r"\frac{\partial L}{\partial c_t} = f_{t+1} \odot \frac{\partial L}{\partial c_{t+1}} + "
        r"\frac{\partial L}{\partial h_t} \odot o_t (1 - \tanh^2 c_t)",
        *_SUMS,
    ),
    "gru": (
        r"\frac{\partial L}{\partial h_t} = e_t + W_{hh}^{\top} \delta^h_{t+1} + z_{t+1} \odot "
        r"\frac{\partial L}{\partial h_{t+1}}",
        r"\delta^h_n = r_t \odot \delta_n \qquad "
        r"\frac{\partial L}{\partial W_{hh}} = \sum_t \delta^h_t\, h_{t-1}^{\top}",
    ),
}


def formulas(kind: str, phase: Phase) -> tuple[str, ...]:
    """Return the formulas of a sweep as the lectures write them, LaTeX."""
    return (FORWARD if phase == "forward" else BACKWARD)[kind]
