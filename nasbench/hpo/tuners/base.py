"""The interface of all tuners."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.options import PluginOptions


class Tuner(ABC):
    """Suggests parameters and learns from their scores.

    Its state is a function of the seed and of the calls so far: a run is resumed by repeating the
    same calls in the same order, possibly in another process.

    Args:
        space: the parameters to tune.
        options: the tuner's options.
        seed: at least 0.
        maximize: whether larger scores are better.

    Attributes:
        Options: the dataclass of the tuner's options.
        needs_flat: whether it refuses nested choices.
        revision: the number of the algorithm. It grows when the same options come to mean other
            suggestions, whose results then have a row of their own.
        exhausted: whether it has no further suggestion, now or later.

    Raises:
        UserError: the space has a nested choice, which the tuner does not support.

    Example:
        >>> tuner = RandomTuner(ParameterSpace.of(content), RandomTuner.Options(), seed=0)
        >>> params = tuner.suggest(0)
        >>> tuner.learn(0, params, score=0.9)  # the state now holds trial 0
    """

    Options: ClassVar[type[PluginOptions]] = PluginOptions
    needs_flat: ClassVar[bool] = False
    revision: ClassVar[int] = 1

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        if self.needs_flat and space.nested:
            raise UserError(
                f"the tuner {type(self).__name__} takes flat search spaces only, and the options "
                f"of {', '.join(space.nested)} have nested parameters"
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
            number: 0, 1, 2, … in the order of the run; the same number is asked for again only
                after ``None``.

        Returns:
            ``None`` if no suggestion is left (``exhausted`` is then true) or if the tuner first
            needs results of running trials. Such a call leaves the tuner as it was.
        """

    def learn(self, number: int, params: Params, score: float) -> None:  # noqa: B027 - not every tuner learns
        """Learn the score of a finished trial.

        Args:
            number: the trial's number.
            params: the parameters that were suggested for it.
            score: a finite number.
        """

    def fail(self, number: int, params: Params) -> None:  # noqa: B027
        """Learn that a trial crashed, took too long, or has no finite score."""

    def parent(self, number: int) -> int | None:
        """Return the finished trial from whose weights trial ``number`` continues, if any."""
        return None
