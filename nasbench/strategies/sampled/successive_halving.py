"""Successive halving over epochs (Jamieson and Talwalkar, AISTATS 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.space import Domains
from nasbench.strategies.sampled.base import Setting
from nasbench.strategies.sampled.rungs import Halving, bracket, ladder


@dataclass(frozen=True)
class SuccessiveHalvingOptions(PluginOptions):
    """Options of ``successive-halving``."""

    eta: int = option(
        3, "A rung keeps one in eta architectures and trains it eta times as long.", low=2
    )
    initial: int = option(
        0,
        "Architectures that enter a bracket, at least eta; 0 for as many as leave one at the full "
        "length.",
        low=0,
    )
    min_epochs: int = option(1, "Epochs of the first rung.", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initial != 0 and self.initial < self.eta:
            raise UserError(f"-o initial={self.initial}: must be 0 or at least eta={self.eta}")


class SuccessiveHalvingStrategy(Halving):
    """Trains many architectures briefly and the best of them longer and longer.

    The rungs are ``min_epochs * eta**k`` epochs, the last one the full length; where only some
    lengths can be had, the next longer ones of these. After a bracket follows another one with
    new architectures.

    Example:
        With ``epochs=9``, nine architectures are trained for 1 epoch, the best three of them to
        3 epochs, and the best of these to 9.
    """

    Options = SuccessiveHalvingOptions

    def __init__(
        self, domains: Domains, options: SuccessiveHalvingOptions, setting: Setting
    ) -> None:
        super().__init__(domains, options, setting)
        eta, wanted = options.eta, [setting.epochs]
        length = options.min_epochs
        while length < setting.epochs:
            wanted.append(length)
            length *= eta
        needs = f"successive-halving needs two lengths, from min_epochs={options.min_epochs} on"
        lengths = ladder(wanted, setting, needs)
        size = options.initial or eta ** (len(lengths) - 1)
        self.brackets = (bracket(size, eta, lengths),)
