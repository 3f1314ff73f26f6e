"""The protocol of sampled strategies: suggest architectures, learn from their results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nasbench.space import Arch, Domains


@dataclass(frozen=True)
class Result:
    """One architecture's evaluation.

    Attributes:
        arch: what was evaluated.
        score: validation accuracy in [0, 1]; larger is better.
    """

    arch: Arch
    score: float


class SampledStrategy(ABC):
    """Suggests architectures; its state is a function of the seed and of the updates alone.

    Example:
        After ``suggest(2)`` and ``update([a, b])`` the strategy holds the results of a and b;
        a ``suggest`` without its ``update`` leaves the state as it was.

    Args:
        domains: the space's decisions.
        options: the strategy's own options.
        seed: the search's seed.

    Attributes:
        Options: the dataclass of the strategy's own options; ``trials`` among them.
    """

    Options: ClassVar[type]

    def __init__(self, domains: Domains, options: Any, seed: int) -> None:
        self.domains = domains
        self.options = options
        self.seed = seed
        self.results: list[Result] = []

    @abstractmethod
    def suggest(self, n: int) -> list[Arch]:
        """Return up to ``n`` architectures to evaluate next; fewer where no more are wanted."""

    def update(self, results: Sequence[Result]) -> None:
        """Learn the results of evaluated architectures."""
        self.results += results

    def best(self) -> Result:
        """Return the best result so far; the earlier one at a tie.

        Raises:
            ValueError: there is none yet.
        """
        if not self.results:
            raise ValueError("no architecture was evaluated yet")
        return max(self.results, key=lambda result: result.score)

    def state_dict(self) -> dict[str, Any]:
        """Return the results, from which the state follows."""
        return {"results": [{"arch": dict(r.arch), "score": r.score} for r in self.results]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.results = []
        self.update([Result(self.domains.arch(r["arch"]), r["score"]) for r in state["results"]])
