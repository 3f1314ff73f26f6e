"""PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search.

Xu, Xie, Zhang, Chen, Qi, Tian, Xiong; ICLR 2020. One of K channels is mixed and the others pass by
(section 3.2), which saves memory and keeps weightless operations from an early lead. The noise of
that is evened out by weights of the edges, a softmax over each node's inputs (section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nasbench.errors import UserError
from nasbench.options import option
from nasbench.space import LayerChoice
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
    past_warmup,
)
from nasbench.strategies.recipe import DARTS, RECIPES, Recipe
from nasbench.supernet.mixture import Mixture


@dataclass(frozen=True)
class PcDartsOptions(DifferentiableOptions):
    """Options of ``pc-darts``."""

    arch_lr: float = 6e-4
    partial: int = option(
        4, "One in this many channels is mixed; must divide the channels of every choice.", low=2
    )
    warmup: float = option(
        0.3, "Share of the epochs in which only the weights are trained.", low=0, below=1
    )


class PcDartsStrategy(DifferentiableStrategy):
    """First-order DARTS on one of K channels, with edge normalization.

    Raises:
        UserError: a choice of the space has no mixture, no choice names its channels, or K does
            not divide them.
    """

    Options = PcDartsOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "PC-DARTS (arXiv:1907.05737), section 4.2; train_search.py, train.py",
            search={"batch_size": 256, "lr": 0.1, "final_lr": 0.0},
            retrain={"drop_path": 0.3},
        ),
    }
    options: PcDartsOptions

    def relax(self) -> Mixture:
        """Return the supernet of partial channels and weighted edges."""
        network = self.supernets(partial=self.options.partial)
        mixture = Mixture(network, self.domains, self.rule(), edge_weights=True)
        if not any(isinstance(c, LayerChoice) and c.partial > 1 for c in mixture.sites):
            raise UserError(
                f"the space {self.supernets.space.__name__} has no partial channels: its choices "
                "must name their channels, as in LayerChoice(..., channels=c); "
                "the strategies 'darts' and 'gdas' take it as it is"
            )
        return mixture

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Let the architecture move after the warm-up."""
        self.arch_moves = past_warmup(self.options.warmup, epoch, epochs)
        super().begin_epoch(epoch, epochs)
