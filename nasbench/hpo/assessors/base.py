"""The interface of all assessors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from nasbench.errors import UserError
from nasbench.options import PluginOptions


class Assessor(ABC):
    """Decides after every report whether a trial continues.

    Its state is a function of the calls so far: a run is resumed by repeating them.

    Args:
        options: the assessor's options.
        maximize: whether larger scores are better.
        epochs: the number of scores that a trial reports, at least 1; ``None`` if it is unknown.

    Attributes:
        Options: the dataclass of the assessor's options.
        needs_epochs: whether it must know the number of scores.
        needs_shares: whether scores must lie in [0, 1], as accuracies do.

    Raises:
        UserError: the assessor does not support such trials.
    """

    Options: ClassVar[type[PluginOptions]] = PluginOptions
    needs_epochs: ClassVar[bool] = False
    needs_shares: ClassVar[bool] = False

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        if self.needs_epochs and epochs is None:
            raise UserError(f"the {type(self).__name__} must know how many epochs a trial has")
        self.options = options
        self.maximize = maximize
        self.epochs = epochs

    def keep(self, number: int, history: Sequence[float]) -> bool:
        """Return whether trial ``number`` continues; called after each of its reports.

        Args:
            number: the trial's number.
            history: the scores reported so far, at least one. The trial ends if the last one is
                not finite.
        """
        return math.isfinite(history[-1]) and self._keep(number, history)

    @abstractmethod
    def _keep(self, number: int, history: Sequence[float]) -> bool:
        """Return whether a trial with this history may still become one of the better ones."""

    @abstractmethod
    def end(self, number: int, completed: bool) -> None:
        """Learn that a trial has ended; others are compared with it only if it ``completed``.

        A trial that reported no score has no effect.
        """
