"""The interface of all tuners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from nasbench.errors import UserError
from nasbench.hpo.space import Params, SearchSpace


@dataclass(frozen=True)
class NoOptions:
    """A tuner without options of its own."""


class Tuner(ABC):
    """Suggests parameters and learns how good they were.

    Its state is a function of the seed and of the calls so far. So a run is resumed by making the
    same calls again in the same order, in another process if need be.

    Args:
        space: what to tune.
        options: the tuner's own options.
        seed: at least 0.
        maximize: whether larger scores are better.

    Attributes:
        Options: the dataclass of the tuner's own options.
        needs_flat: whether it refuses nested choices.
        exhausted: whether no trial will ever follow.

    Raises:
        UserError: the space has a nested choice, and the tuner cannot deal with it.
    """

    Options: ClassVar[type] = NoOptions
    needs_flat: ClassVar[bool] = False

    def __init__(self, space: SearchSpace, options: Any, seed: int, maximize: bool = True) -> None:
        if self.needs_flat and space.nested:
            raise UserError(
                f"the tuner {type(self).__name__} takes flat search spaces only, and the options "
                f"of {', '.join(space.nested)} have parameters of their own"
            )
        self.space = space
        self.options = options
        self.seed = seed
        self.maximize = maximize
        self.exhausted = False

    @abstractmethod
    def suggest(self, number: int) -> Params | None:
        """Return the parameters of trial ``number``.

        Args:
            number: 0, 1, 2, … over the run; each is asked for once, unless ``None`` came back.

        Returns:
            ``None`` where nothing is left (``exhausted`` is then true) or where the results of
            running trials must come first. Such a call leaves the tuner as it was.
        """

    def learn(self, number: int, params: Params, score: float) -> None:  # noqa: B027 - not every tuner learns
        """Take in the score of a finished trial, a finite number."""

    def fail(self, number: int, params: Params) -> None:  # noqa: B027
        """Take in that a trial crashed, took too long, or has no finite score."""

    def parent(self, number: int) -> int | None:
        """Return the finished trial from whose weights trial ``number`` is to be continued."""
        return None
