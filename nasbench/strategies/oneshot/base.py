"""The protocol of one-shot strategies: weights are shared in one supernet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from nasbench.seeding import derive
from nasbench.space import Arch, Domains, SearchSpace
from nasbench.strategies.recipe import RECIPES, Recipe
from nasbench.supernet.base import Supernet
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

Batch = tuple[Tensor, Tensor]


class Supernets(Protocol):
    """Makes supernets of the searched space on the search's device."""

    @property
    def space(self) -> type[SearchSpace]:
        """The class of networks."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the search's own supernet."""

    def __call__(self, partial: int = 1, **arguments: Any) -> SearchSpace:
        """Return a supernet with every choice open.

        Args:
            partial: candidates compute one in ``partial`` channels, if the space supports it.
            arguments: arguments of the space that replace those of the search.
        """
        ...


class SearchData(Protocol):
    """The two halves of the training images, for what a strategy does after its training."""

    def validation(self) -> Iterator[Batch]:
        """Yield the validation half in order, without augmentation."""
        ...

    def training(self, name: str, steps: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield ``steps`` augmented batches of both halves, the same for the same ``name``."""
        ...

    def tick(self, done: int, total: int) -> None:
        """Report the progress of the selection.

        Raises:
            Stopped: a signal asked to stop; a continued search starts the selection over.
        """
        ...


def _free(arch: Arch) -> float:
    return 0.0


@dataclass(frozen=True)
class OneShotContext:
    """What every one-shot strategy receives besides its own options.

    Attributes:
        weights: optimizer and schedule of the supernet's weights.
        objective: the loss.
        total_steps: steps of the whole search.
        seed: seed of the strategy's own draws.
        epochs: epochs of the whole search.
        violation: returns the excess of an architecture over its limits: 0 if it keeps them,
            otherwise the sum over the exceeded limits of ``value / limit - 1``.
        penalty: maps label to expected weights, tensors ``(candidates,)``, to the expected excess
            of the mixture over the limits, a scalar with a gradient; ``None`` without limits.
    """

    weights: OptimizerConfig
    objective: Objective
    total_steps: int
    seed: int = 0
    epochs: int = 1
    violation: Callable[[Arch], float] = _free
    penalty: Callable[[Mapping[str, Tensor]], Tensor] | None = None

    def stream(self, *names: object) -> np.random.Generator:
        """Return the random stream of a name, for draws that a continued search repeats."""
        return np.random.default_rng(derive(self.seed, *names))


class OneShotStrategy(nn.Module, ABC):
    """A supernet, how it is trained, and how an architecture is derived from it.

    The architecture parameters are registered parameters of the supernet, so ``state_dict`` holds
    them; :meth:`optimizer_state` adds the state of the optimizers. A strategy does no file I/O,
    prints nothing and knows neither task nor run. Its random numbers come from torch's global
    generators, which are saved with the state, or from :meth:`OneShotContext.stream` under a name
    that includes the step.

    Args:
        supernets: makes the supernet.
        domains: the space's decisions.
        options: the strategy's own options.
        context: the search's seed, schedule, loss and limits.

    Attributes:
        Options: the dataclass of the strategy's own options.
        recipes: space to the settings of the paper's search on it, for ``--preset paper``; the
            first one also serves every other space.
        learns_architecture: whether its mixing weights are learned; otherwise they are uniform,
            and the supernet as a whole has no accuracy.
        revision: the number of the algorithm. It grows when the same options come to mean another
            search, whose results then have a row of their own.

    Raises:
        UserError: the strategy cannot relax this space, or not with these options.
    """

    Options: ClassVar[type]
    recipes: ClassVar[Mapping[str, Recipe]] = RECIPES
    learns_architecture: ClassVar[bool] = True
    revision: ClassVar[int] = 1

    def __init__(
        self, supernets: Supernets, domains: Domains, options: Any, context: OneShotContext
    ) -> None:
        super().__init__()
        self.supernets = supernets
        self.domains = domains
        self.options = options
        self.context = context
        self.objective = context.objective

    @property
    def relaxed(self) -> Supernet:
        """The supernet, or the first of several."""
        return next(module for module in self.modules() if isinstance(module, Supernet))

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Prepare for ``epoch``, counted from 0."""
        return

    def end_epoch(self, means: Mapping[str, float]) -> None:
        """Receive the means over the epoch of what its steps returned."""
        return

    @abstractmethod
    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Train on one batch of each half; return scalars, ``"loss"`` among them."""

    @abstractmethod
    def derive(self) -> Arch:
        """Return the architecture of the supernet's present state."""

    def select(self, data: SearchData) -> Arch:
        """Return the search's architecture, after the last step.

        Most strategies derive it from the supernet; others search among many architectures with
        the shared weights.
        """
        return self.derive()

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the supernet's logits ``(B, classes)``."""

    @abstractmethod
    def mixing_weights(self) -> dict[str, list[float]]:
        """Return label to the weights of its candidates, for the journal."""

    @abstractmethod
    def optimizer_state(self) -> dict[str, Any]:
        """Return the optimizers' state."""

    @abstractmethod
    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
