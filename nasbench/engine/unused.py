"""Options that a one-shot search would have to ignore: they are refused instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nasbench.config import SearchConfig, TrialsConfig, flag
from nasbench.engine.limits import FLAGS, limits_of
from nasbench.errors import UserError
from nasbench.options import require_effect

# Options that only a strategy with trials has a use for.
OF_TRIALS = (
    *(entry.name for entry in fields(TrialsConfig)),
    "train_again",
)


def refuse(asked: SearchConfig, options: Any, given: Mapping[str, Any]) -> None:
    """Raise where a one-shot search is given what it has no use for.

    Args:
        asked: the options of the search, presets left out.
        options: all of the strategy's own.
        given: those of them that the user gave.

    Raises:
        UserError: an option is of no use, one line names it and what it is for.
    """
    _refuse_trials(asked)
    require_effect(options, given)
    if "penalty" in given and not limits_of(asked):
        raise UserError(
            f"-o penalty={given['penalty']}: is for a search with limits: "
            f"give {', '.join(FLAGS.values())}, or leave it out"
        )


def _refuse_trials(asked: SearchConfig) -> None:
    plain = SearchConfig()
    for name in OF_TRIALS:
        if getattr(asked, name) != getattr(plain, name):
            raise UserError(
                f"{flag(name)} {getattr(asked, name)}: {asked.strategy} trains one supernet and "
                "has no trials: it is for sampled strategies"
            )
