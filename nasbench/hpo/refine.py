"""The space of a second round: the range of the best trials of the first one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.errors import UserError
from nasbench.hpo.parameters import Choice, Parameter, Randint, Real, Uniform
from nasbench.hpo.space import ParameterSpace, Params


def refine(
    space: ParameterSpace,
    trials: Sequence[tuple[Params, float]],
    best_share: float,
    maximize: bool = True,
) -> ParameterSpace:
    """Return the space narrowed to the range of the best trials, nowhere wider than before.

    A numeric parameter ranges from the smallest to the largest value of the best trials, on its
    own scale and with its own steps; a normal one becomes uniform between them; a single value
    becomes a choice of one. A choice keeps the options that occur among the best, and its nested
    parameters are narrowed in the same way.

    Args:
        space: the space that the trials were drawn from.
        trials: parameters and scores of finished trials.
        best_share: the share of the trials that counts as best, in (0, 1]; rounded up to at least
            two trials, since one trial spans no range.
        maximize: whether larger scores are better.

    Raises:
        UserError: the share is out of range, a trial is no point of the space, or the best trials
            are all the same point.
    """
    if not 0 < best_share <= 1:
        raise UserError(f"--refine {best_share:.4g}: must be a share above 0 % and at most 100 %")
    for params, _ in trials:
        space.check(params)
    count = min(max(2, math.ceil(best_share * len(trials))), len(trials))
    ordered = sorted(trials, key=lambda trial: trial[1], reverse=maximize)
    best = [params for params, _ in ordered[:count]]
    narrow = ParameterSpace(_narrowed(space.parameters, best)) if best else None
    if narrow is None or narrow.size == 1:
        raise UserError(
            f"--refine {best_share:.0%}: the best {count} of {len(trials)} trials span no range; "
            "take a larger share or more trials"
        )
    return narrow


def _narrowed(
    parameters: Mapping[str, Parameter], best: Sequence[Mapping[str, Any]]
) -> dict[str, Parameter]:
    """Return the parameters narrowed to the values in ``best``, which is not empty."""
    narrowed: dict[str, Parameter] = {}
    for name, parameter in parameters.items():
        values = [params[name] for params in best]
        if isinstance(parameter, Choice):
            narrowed[name] = _choice(parameter, values)
            continue
        low, high = min(values), max(values)
        if low == high:
            narrowed[name] = Choice((low,))
        elif isinstance(parameter, Randint):
            narrowed[name] = Randint(int(low), int(high) + 1)
        else:
            assert isinstance(parameter, Real)
            # A rounded value may be 0, where a logarithmic scale ends.
            narrowed[name] = Uniform(low, high, parameter.log and low > 0, parameter.q)
    return narrowed


def _choice(choice: Choice, values: Sequence[Any]) -> Choice:
    nested = choice.inner is not None
    places = [choice.index(value["_name"] if nested else value) for value in values]
    kept = [index for index in range(len(choice.options)) if index in places]
    options = tuple(choice.options[index] for index in kept)
    if choice.inner is None:
        return Choice(options)
    inside = [[v for v, place in zip(values, places, strict=True) if place == i] for i in kept]
    inner = (_narrowed(choice.inner[i], group) for i, group in zip(kept, inside, strict=True))
    return Choice(options, tuple(inner))
