"""Programs that answer memory tasks without learning: a stack, a counter, a bit, a list.

They show that every answer can be known, and tell the right answers for what a person types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from seqstudio.data.tasks.base import NOT_ASKED
from seqstudio.data.tasks.counting import NEXT, CountingTask
from seqstudio.data.tasks.far import BLANK, GO, CopyMemoryTask
from seqstudio.data.tasks.tagging import KINDS, BracketsTask, ParityTask

if TYPE_CHECKING:
    from seqstudio.data.tasks.base import Task


class Known(NamedTuple):
    """What a program says about a sequence.

    Attributes:
        answers: The right class after every symbol; `NOT_ASKED` where there is none.
        memory: What it had to keep there: depth of the stack, letters to come, parity, symbols.
        noun: What that number is.
        problem: Why the sequence is none of the language, "" where it is.
    """

    answers: tuple[int, ...]
    memory: tuple[int, ...]
    noun: str
    problem: str = ""


def known_answers(task: Task | None, ids: Sequence[int]) -> Known | None:
    """Return what a program answers to the symbols of a sequence; None without a program."""
    match task:
        case BracketsTask():
            return _stack(ids)
        case CountingTask(_, letters):
            return _counter(ids, letters)
        case ParityTask():
            return _bit(ids)
        case CopyMemoryTask():
            return _list(ids)
    return None


def _stack(ids: Sequence[int]) -> Known:
    stack: list[int] = []
    answers, depths, problem = [], [], ""
    for step, symbol in enumerate(ids):
        if symbol <= KINDS:
            stack.append(symbol)
        elif stack and stack[-1] == symbol - KINDS:
            stack.pop()
        else:
            problem = problem or f"Bracket {step + 1} closes nothing that is open."
        answers.append(NOT_ASKED if problem else (stack[-1] if stack else 0))
        depths.append(len(stack))
    return Known(tuple(answers), tuple(depths), "open brackets", problem)


def _counter(ids: Sequence[int], letters: int) -> Known:
    """Count the a; every other letter has as many to come, and then the next one."""
    n, letter, seen, problem = 0, 1, 0, ""
    answers, left = [], []
    for step, symbol in enumerate(ids):
        if symbol == 1 and letter == 1:
            n += 1
        elif symbol == letter and letter > 1 and seen < n:
            seen += 1
        elif symbol == letter + 1 <= letters and n and (letter == 1 or seen == n):
            letter, seen = symbol, 1
        else:
            problem = problem or f"Letter {step + 1} cannot stand there."
        left.append(n if letter == 1 else n - seen)
        answers.append(NOT_ASKED if problem else _after(letter, seen == n, letters))
    return Known(tuple(answers), tuple(left), "letters to come", problem)


def _after(letter: int, full: bool, letters: int) -> int:
    """Return what follows a letter, as a place in `NEXT`."""
    if letter == 1:
        return NOT_ASKED
    following = letter + 1 if full else letter
    return following - 2 if following <= letters else len(NEXT) - 1


def _bit(ids: Sequence[int]) -> Known:
    parity, answers = 0, []
    for symbol in ids:
        parity ^= symbol
        answers.append(parity)
    return Known(tuple(answers), tuple(answers), "parity")


def _list(ids: Sequence[int]) -> Known:
    kept: list[int] = []
    answers, sizes, going = [], [], False
    for symbol in ids:
        told = kept.pop(0) if going and kept else BLANK
        if symbol == GO:
            going = True
        elif symbol != BLANK and not going:
            kept.append(symbol)
        answers.append(told)
        sizes.append(len(kept))
    return Known(tuple(answers), tuple(sizes), "symbols kept")
