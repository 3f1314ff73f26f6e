"""The interface of all assessors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from nasbench.errors import UserError


class Assessor(ABC):
    """Judges a trial by its course so far.

    Its state is a function of the calls so far, so a run is resumed by making them again.

    Args:
        options: the assessor's own options.
        maximize: whether larger scores are better.
        epochs: how many scores a trial reports in all, where that is known.

    Attributes:
        Options: the dataclass of the assessor's own options.
        needs_epochs: whether it must know how many scores a trial reports in all.

    Raises:
        UserError: the assessor cannot judge such trials.
    """

    Options: ClassVar[type]
    needs_epochs: ClassVar[bool] = False

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        if self.needs_epochs and epochs is None:
            raise UserError(f"the {type(self).__name__} needs to know how many epochs a trial has")
        self.options = options
        self.maximize = maximize
        self.epochs = epochs

    def keep(self, number: int, history: Sequence[float]) -> bool:
        """Return whether trial ``number`` is to go on.

        Args:
            number: the trial's number.
            history: all scores that it has reported, at least one; the call follows every
                report. A score that is no finite number ends the trial.
        """
        return math.isfinite(history[-1]) and self._promises(number, history)

    @abstractmethod
    def _promises(self, number: int, history: Sequence[float]) -> bool:
        """Return whether a trial of this course may still become one of the better ones."""

    @abstractmethod
    def end(self, number: int, completed: bool) -> None:
        """Take in that a trial is over; it counts for others where it was ``completed``.

        Nothing happens for a trial that reported no score.
        """
