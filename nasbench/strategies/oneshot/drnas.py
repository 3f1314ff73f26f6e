"""DrNAS: Dirichlet Neural Architecture Search (Chen, Wang, Cheng, Tang, Hsieh; ICLR 2021).

The weights of a decision are a draw from Dirichlet(beta), beta = elu(alpha) + 1, whose gradient is
pathwise (section 3.1). An anchor holds beta near 1, the uniform distribution on the simplex. The
architecture is derived from the mean. With partial channels (section 3.3), the second half of the
epochs continues without each decision's weaker half, and with more channels. Each stage begins
with epochs of the weights alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Dirichlet

from nasbench.options import option
from nasbench.strategies.oneshot.differentiable import (
    DifferentiableOptions,
    DifferentiableStrategy,
    past_warmup,
)
from nasbench.strategies.oneshot.p_darts import survivors
from nasbench.strategies.recipe import DARTS, NASBENCH201, Recipe
from nasbench.supernet.inherited_weights import widened, widening
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.supernet.mixture import Mixture

# Below it, draws are one-hot to the last bit, and the gradient overflows.
LEAST_CONCENTRATION = 1e-3


def concentration(alpha: Tensor) -> Tensor:
    """Return beta, above 0; shape ``(n,)`` as ``alpha``."""
    return (F.elu(alpha) + 1).clamp_min(LEAST_CONCENTRATION)


class DirichletRule(MixingRule):
    """Weights ~ Dirichlet(elu(alpha) + 1)."""

    def sample(self, label: str, alpha: Tensor) -> MixingWeights:
        """Return a draw with its pathwise gradient; small entries need double precision."""
        beta = concentration(alpha.double())
        return MixingWeights(Dirichlet(beta, validate_args=False).rsample().to(alpha.dtype))

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the mean, beta / sum(beta)."""
        beta = concentration(alpha)
        return beta / beta.sum()


@dataclass(frozen=True)
class DrnasOptions(DifferentiableOptions):
    """Options of ``drnas``."""

    arch_lr: float = 6e-4
    arch_weight_decay: float = 0.0
    anchor: float = option(
        1e-3,
        "Weight, in the architecture's loss, of half the squared distance of alpha from 0, where "
        "beta is 1.",
        low=0,
    )
    warmup: float = option(
        0.4, "Share of a stage's epochs in which only the weights are trained.", low=0, below=1
    )
    partial: int = option(
        1,
        "One in this many channels is mixed, in a space with partial channels; must divide the "
        "channels of every choice.",
        low=1,
    )
    widen: int = option(
        0,
        "The same in a second stage, half of the epochs, with each decision's stronger half; "
        "0 for a single stage.",
        low=0,
        high="partial",
    )


class DrnasStrategy(DifferentiableStrategy):
    """A mixture whose weights are drawn from a learned Dirichlet distribution.

    Attributes:
        stage: 0, or 1 after the pruning.

    Raises:
        UserError: a choice of the space has no mixture, or its channels are no multiple of
            ``partial``.
    """

    Options = DrnasOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "darts": DARTS.but(
            "DrNAS (arXiv:2006.10355), section 4; DARTS-space/train_search.py, train.py",
            search={"lr": 0.1, "final_lr": 0.0},  # 25 epochs a stage
            options={"partial": 6, "widen": 4},
            network={"channels": 36, "layers": 20},
            retrain={"batch_size": 64, "drop_path": 0.3},
        ),
        "nas-bench-201": NASBENCH201.but(
            "DrNAS (arXiv:2006.10355), section 4; 201-space/train_search_progressive.py",
            search={"epochs": 100, "nesterov": False, "weight_decay": 3e-4},  # 50 epochs a stage
            options={"partial": 4, "widen": 2, "warmup": 0.2, "arch_lr": 3e-4},
        ),
    }
    options: DrnasOptions
    stage = 0

    def rule(self) -> MixingRule:
        """Return the draws."""
        return DirichletRule()

    def relax(self) -> Mixture:
        """Return the supernet of the present stage."""
        partial = self.options.widen if self.stage else self.options.partial
        return Mixture(self.supernets(partial=partial), self.domains, self.rule())

    def regularizer(self) -> Tensor | float:
        """Add the anchor to the penalty; its gradient is ``anchor * alpha``."""
        parts = [self.mixture.alpha(label)[kept] for label, kept in self.mixture.kept.items()]
        distance = sum(part.square().sum() for part in parts) / 2
        return super().regularizer() + self.options.anchor * distance

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Prune and widen once, after half of the epochs; begin each stage with the weights."""
        half = (epochs + 1) // 2 if self.options.widen and epochs > 1 else epochs
        if self.stage == 0 and epoch >= half:
            if self.early_stop is not None:
                self.early_stop.begin_epoch(epoch, self.mixture)  # judges the stage that is over
            self._widen()
        first, end = (half, epochs) if self.stage else (0, half)
        self.arch_moves = past_warmup(self.options.warmup, epoch - first, end - first)
        super().begin_epoch(epoch, epochs)

    def _widen(self) -> None:
        """Enter the second stage, whose supernet inherits weights, parameters and optimizers."""
        before, weights, optimizers = self.mixture, self.mixing_weights(), self.optimizer_state()
        watch = self.early_stop
        self._build(1)
        if watch is not None:  # the architecture goes on, and rests if it was stopped
            watch.begin_stage()
            self.early_stop = watch
        state, wide = before.state_dict(), self.mixture.state_dict()
        sources = widening(state, wide, self.context.stream("widen"))
        same = {
            name: value
            for name, value in state.items()
            if not isinstance(value, Tensor) or value.shape == wide[name].shape
        }
        copies = {name: widened(state[name], places) for name, places in sources.items()}
        self.mixture.load_state_dict({**wide, **same, **copies})
        for label, kept in before.kept.items():
            self.mixture.keep(label, survivors(self.domains[label], weights[label], kept, 0.5))
        momenta = optimizers["weights"]["optimizer"]["state"]
        for number, (name, narrow) in enumerate(before.network.named_parameters()):
            places = sources.get(f"network.{name}")
            for key, value in momenta.get(number, {}).items():
                if places is not None and value.shape == narrow.shape:
                    momenta[number] = {**momenta[number], key: widened(value, places)}
        self.load_optimizer_state(optimizers)

    def _build(self, stage: int) -> None:
        """Replace the supernet by that of another stage."""
        alpha = self.mixture.alphas[0]
        self.stage = stage
        self.install(self.relax().to(alpha.device, alpha.dtype).train(self.training))

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
        return super().load_state_dict(state_dict, strict, assign)
