"""P-DARTS: Progressive Differentiable Architecture Search.

Chen, Xie, Wu, Tian; ICCV 2019. Three stages narrow the gap between the shallow network of the
search and the deep one of the retraining: from stage to stage the network gets deeper and the
weakest candidates are taken out (section 3.2), and skip connections are held back (section 3.3).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from nasbench.errors import UserError
from nasbench.options import option
from nasbench.space import Arch, Domain, Domains, SearchSpace
from nasbench.strategies.oneshot.base import OneShotContext, Supernets
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
    past_warmup,
)
from nasbench.strategies.oneshot.skip_regularization import (
    Weights,
    drop_skips,
    limited_skips,
    set_rate,
    with_few_skips,
)
from nasbench.strategies.recipe import DARTS, RECIPES, Recipe
from nasbench.supernet.discretization import discretize
from nasbench.supernet.mixture import Mixture
from nasbench.training.optimization import Optimization, OptimizerConfig

STAGES = 3
# The rate of a stage's beginning, as a share of the last one's: 0, 0.4 and 0.7 in the paper.
DROPOUT_SHARES = (0.0, 4 / 7, 1.0)
DECAY = 5.0  # of the rate, over the epochs of a stage: by 0.2 in each of the paper's 25
ARCH_GRAD_CLIP = 5.0  # in the authors' code


@dataclass(frozen=True)
class PDartsOptions(DifferentiableOptions):
    """Options of ``p-darts``."""

    arch_lr: float = 6e-4
    keep: float = option(
        0.6,
        "Share of a decision's candidates that each of the two prunings keeps, rounded: 0.6 keeps "
        "5 and then 3 of 8.",
        above=0,
        high=1,
    )
    warmup: float = option(
        0.4, "Share of a stage's epochs in which only the weights are trained.", low=0, below=1
    )
    skip_dropout: float = option(
        0.7,
        "Dropout rate behind identities at the start of the last stage; 4/7 of it in the second "
        "stage, none in the first.",
        low=0,
        below=1,
    )
    max_skips: int = option(
        2,
        "Most skip connections in the normal cell; in the network if it has no such cell.",
        low=0,
    )


class PDartsStrategy(DifferentiableStrategy):
    """Three searches by DARTS, each deeper and with fewer candidates than the one before.

    Attributes:
        stage: 0 to 2.

    Raises:
        UserError: a choice of the space has no mixture, or there are fewer epochs than stages.
    """

    Options = PDartsOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "P-DARTS (arXiv:1904.12760), section 4.2; train_search.py, train_cifar.py",
            search={"epochs": 75, "batch_size": 96, "final_lr": 0.0},  # 25 epochs a stage
            network={"layers": 5},  # and 11 and 17 in the later stages
            retrain={"batch_size": 128, "drop_path": 0.3},
        ),
    }
    options: PDartsOptions
    stage = 0

    def __init__(
        self,
        supernets: Supernets,
        domains: Domains,
        options: PDartsOptions,
        context: OneShotContext,
    ) -> None:
        super().__init__(supernets, domains, options, context)
        if context.epochs < STAGES:
            raise UserError(
                f"--epochs {context.epochs}: must be at least {STAGES}, one for each stage"
            )

    def relax(self) -> Mixture:
        """Return the supernet of the present stage."""
        space = self.supernets.space
        arguments = deeper(space, self.supernets.arguments, self.stage)
        mixture = Mixture(self.supernets(**arguments), self.domains, self.rule())
        if self._first_rate() > 0:
            drop_skips(mixture.sites)
        return mixture

    def arch_optimizer(self) -> OptimizerConfig:
        """Return Adam behind clipped gradients."""
        return replace(super().arch_optimizer(), grad_clip=ARCH_GRAD_CLIP)

    def install(self, mixture: Mixture) -> None:
        """Train ``mixture`` for one stage, with a new schedule."""
        super().install(mixture)
        steps = math.ceil(self.context.total_steps / STAGES)
        self.weights = Optimization(mixture.weight_parameters, self.context.weights, steps)

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Enter the epoch's stage, and set the dropout rate and whether the architecture learns.

        A new stage has a deeper supernet of the strongest candidates, with new weights.
        """
        while self.stage < epoch * STAGES // epochs:
            if self.early_stop is not None:
                self.early_stop.look(self.mixture)  # at the last epoch of the stage that is over
            weights, kept = self.mixing_weights(), self.mixture.kept
            self._build(self.stage + 1)
            for label, places in kept.items():
                domain, share = self.domains[label], self.options.keep
                self.mixture.keep(label, survivors(domain, weights[label], places, share))
        first, end = (math.ceil(epochs * s / STAGES) for s in (self.stage, self.stage + 1))
        done, length = epoch - first, end - first
        self.arch_moves = past_warmup(self.options.warmup, done, length)
        resting = sum(not past_warmup(self.options.warmup, e, length) for e in range(length))
        set_rate(self.mixture, skip_rate(self._first_rate(), done, resting, length))
        super().begin_epoch(epoch, epochs)

    def _first_rate(self) -> float:
        """Return the dropout rate at the beginning of the stage."""
        return self.options.skip_dropout * DROPOUT_SHARES[self.stage]

    def _build(self, stage: int) -> None:
        """Replace the supernet by that of another stage."""
        device = self.mixture.alphas[0].device
        self.stage = stage
        self.install(self.relax().to(device).train(self.training))

    def derive(self) -> Arch:
        """Return the discretized architecture, with at most ``max_skips`` skip connections."""

        def read(weights: Weights) -> Arch:
            return discretize(self.domains, self.mixture.by_label, weights)

        def place(label: str, candidate: str) -> int:
            return self.domains[label].candidates.index(candidate)

        skips, most = limited_skips(self.mixture.sites), self.options.max_skips
        return with_few_skips(read, self.mixing_weights(), skips, most, place)

    def get_extra_state(self) -> int:
        """Return the stage, for the ``state_dict``."""
        return self.stage

    def set_extra_state(self, state: int) -> None:
        """Do nothing: the stage's supernet was built before anything was loaded."""

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Build the supernet of the state's stage, then load it."""
        if state_dict["_extra_state"] != self.stage:
            self._build(state_dict["_extra_state"])
        # In states of earlier versions, a dropout was behind skip connections of stride 2 as well.
        own = self.state_dict()
        present = {
            name if name in own else name.replace(".skip.", "."): value
            for name, value in state_dict.items()
        }
        return super().load_state_dict(present, strict, assign)


def skip_rate(first: float, epoch: int, resting: int, epochs: int) -> float:
    """Return the dropout rate behind identities in an epoch of a stage.

    It falls linearly while the architecture rests, and starts again to fall exponentially when the
    architecture learns, as in the authors' code.

    Args:
        first: the rate at the beginning of the stage, in [0, 1).
        epoch: counted from 0 within the stage.
        resting: the number of epochs in which only the weights are trained.
        epochs: the epochs of the stage.
    """
    if epoch < resting:
        return first * (epochs - epoch - 1) / epochs
    return first * math.exp(-DECAY * (epoch - resting) / epochs)


def deeper(
    space: type[SearchSpace], arguments: Mapping[str, Any], stage: int
) -> Mapping[str, Any]:
    """Return the arguments of the supernet of a stage.

    Each stage adds 6 cells, or 6/5 of the cells of the search below 5 of them: 5, 11 and 17 as in
    the paper. A space without a ``depth_argument`` keeps its depth.

    Args:
        space: the search space.
        arguments: those of the search, which are the arguments of stage 0.
        stage: 0 to 2.
    """
    name = space.depth_argument
    if name is None:
        return arguments
    depth = int(arguments.get(name, inspect.signature(space).parameters[name].default))
    return {**arguments, name: depth + stage * min(6, round(1.2 * depth))}


def survivors(
    domain: Domain, weights: Sequence[float], kept: Sequence[int], share: float
) -> list[int]:
    """Return the indices of the strongest candidates, of which one at least can be chosen.

    Args:
        domain: the decision.
        weights: the weights of all its candidates.
        kept: the indices of the remaining candidates.
        share: the share of these that survives, in (0, 1], rounded to a number of candidates, a
            half up; at least as many survive as the decision chooses.
    """
    ranked = sorted(kept, key=lambda place: -weights[place])
    count = max(domain.n_chosen, math.floor(share * len(ranked) + 0.5))
    closed = {i for i, name in enumerate(domain.candidates) if name in domain.relaxed_only}
    if closed.issuperset(ranked[:count]):
        best = next(place for place in ranked if place not in closed)
        return [*ranked[: count - 1], best]
    return ranked[:count]
