"""The protocol of one-shot strategies: weights are shared in one supernet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.space import Arch, Domains, SearchSpace
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Setting:
    """What every one-shot strategy is given besides its own options.

    Attributes:
        weights: optimizer and schedule of the supernet's weights.
        objective: the loss.
        total_steps: steps of the whole search.
    """

    weights: OptimizerConfig
    objective: Objective
    total_steps: int


class OneShotStrategy(nn.Module, ABC):
    """A supernet and how it is trained and read.

    The architecture parameters are registered parameters of the supernet, so ``state_dict`` holds
    them; :meth:`optimizer_state` adds the optimizers'. A strategy does no file I/O, prints
    nothing and knows neither task nor run.

    Attributes:
        Options: the dataclass of the strategy's own options.
    """

    Options: ClassVar[type]

    @abstractmethod
    def __init__(
        self, network: SearchSpace, domains: Domains, options: Any, setting: Setting
    ) -> None:
        super().__init__()

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Get ready for ``epoch``, counted from 0."""
        return

    @abstractmethod
    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Train on one batch of each half; return scalars, ``"loss"`` among them."""

    @abstractmethod
    def derive(self) -> Arch:
        """Return the architecture that the supernet stands for now."""

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
