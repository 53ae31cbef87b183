"""Optuna, asked what to try next and told what came of it. Loaded only when a sweep wants it."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

from seqstudio.document.param import Value
from seqstudio.document.sweep import Axis, Choices, Plan, SweepError

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.log"
STARTUP = 10  # combinations drawn at random before Optuna begins to propose


def has_optuna() -> bool:
    """Tell whether Optuna is installed, without loading it."""
    return importlib.util.find_spec("optuna") is not None


def need_optuna() -> None:
    """Raise SweepError where Optuna is not installed."""
    if not has_optuna():
        hint = "Install it with pip install seqstudio[sweep], or choose grid or random"
        raise SweepError("This sweep needs Optuna", "it is not installed here", hint)


class Search:
    """A study of Optuna in the folder of a sweep; what it knows survives a crash.

    It keeps a journal in a plain file: SQLite storage has trouble with locks (optuna#497).

    Raises:
        SweepError: Optuna is not installed, or its journal cannot be used.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        need_optuna()
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._plan = plan
        try:
            storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
            self._study = optuna.create_study(
                storage=storage, study_name="sweep", direction="minimize", load_if_exists=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise SweepError("Optuna's journal cannot be used", str(error)) from error

    def ask(self, point: int) -> tuple[int, dict[str, Value]]:
        """Return the number that Optuna gives a combination, and its values.

        Args:
            point: Number of the combination: the same history and number give the same values,
                also when the sweep was interrupted in between.
        """
        import optuna

        startup = min(STARTUP, max(3, self._plan.trials // 4))
        seed = self._plan.seed + 7919 * point
        self._study.sampler = optuna.samplers.TPESampler(n_startup_trials=startup, seed=seed)
        asked = self._study.ask()
        return asked.number, {axis.key: _suggested(asked, axis) for axis in self._plan.axes}

    def tell(self, number: int, loss: float) -> None:
        """Tell what came of a combination, once; NaN counts as worse than all others."""
        import optuna

        states = optuna.trial.TrialState
        known = self._study.get_trials(deepcopy=False)[number]
        if known.state.is_finished():
            return
        if math.isfinite(loss):
            self._study.tell(number, loss)
        else:
            # A failed trial is forgotten; a pruned one teaches to keep away.
            self._study.tell(number, state=states.PRUNED)


def _suggested(asked: optuna.Trial, axis: Axis) -> Value:
    if isinstance(axis, Choices):
        return cast("Value", asked.suggest_categorical(axis.key, axis.values))
    if axis.whole:
        whole = asked.suggest_int(axis.key, round(axis.low), round(axis.high), log=axis.log)
        return int(whole)
    number = asked.suggest_float(axis.key, axis.low, axis.high, log=axis.log)
    return float(f"{number:.6g}")
