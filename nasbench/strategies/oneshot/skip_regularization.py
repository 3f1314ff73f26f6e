"""Skip connections in P-DARTS: dropout behind them, and a limit on their number.

Chen, Xie, Wu, Tian, "Progressive Differentiable Architecture Search", ICCV 2019, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from torch import nn

from nasbench.nn.sync_dropout import SyncDropout
from nasbench.space import Arch, Choice, LayerChoice

# What a skip's weight is multiplied by where another candidate is wanted: above 0, so that a skip
# without an alternative stays ahead of candidates that were taken out.
DEMOTED = 1e-9

Weights = Mapping[str, list[float]]


class DroppedSkip(nn.Sequential):
    """A skip connection with dropout behind it."""

    def __init__(self, skip: nn.Module) -> None:
        super().__init__()
        self.skip = skip
        self.dropout = SyncDropout(0.0)


def is_skip(name: str, layer: nn.Module) -> bool:
    """Return whether a candidate is an identity, or what DARTS has for it at stride 2."""
    return name == "skip_connect" or isinstance(layer, nn.Identity | DroppedSkip)


def drop_skips(sites: Iterable[Choice]) -> None:
    """Put a dropout, still without effect, behind every identity.

    As in the authors' code, a skip connection of stride 2, which has weights, stays as it is.
    """
    for choice in sites:
        if isinstance(choice, LayerChoice):
            for name, layer in list(choice.candidates.items()):
                if isinstance(layer, nn.Identity):
                    choice.candidates[name] = DroppedSkip(layer)


def set_rate(network: nn.Module, rate: float) -> None:
    """Set the rate of the dropouts behind skip connections, in [0, 1)."""
    for module in network.modules():
        if isinstance(module, DroppedSkip):
            module.dropout.p = rate


def limited_skips(sites: Iterable[Choice]) -> dict[str, set[str]]:
    """Return label to its skip connections, for the decisions to which the limit applies.

    In a space of normal and reduction cells these are the decisions of the normal cell, as in the
    paper; in any other space all of them.
    """
    found: dict[str, set[str]] = {}
    for choice in sites:
        if isinstance(choice, LayerChoice):
            names = {name for name, layer in choice.candidates.items() if is_skip(name, layer)}
            found.setdefault(choice.label, set()).update(names)
    normal = {label: names for label, names in found.items() if label.startswith("normal/")}
    return normal or found


def with_few_skips(
    read: Callable[[Weights], Arch],
    weights: Weights,
    skips: Mapping[str, Collection[str]],
    most: int,
    place: Callable[[str, str], int],
) -> Arch:
    """Return an architecture with at most ``most`` of the skip connections.

    While there are too many, the weakest is replaced by the next candidate, or its input by
    another one. A skip connection without an alternative stays.

    Args:
        read: maps weights to an architecture.
        weights: label to the weights of all candidates.
        skips: label to its candidates that are skip connections.
        most: the largest number of skip connections, at least 0.
        place: maps a label and a candidate to its index among the weights.
    """
    changed = {label: list(found) for label, found in weights.items()}
    demoted: set[tuple[str, str]] = set()
    while True:
        arch = read(changed)
        chosen = {
            (label, str(arch.get(label))) for label in skips if arch.get(label) in skips[label]
        }
        left = sorted(chosen - demoted)
        if len(chosen) <= most or not left:
            return arch
        label, name = min(left, key=lambda pair: changed[pair[0]][place(*pair)])
        changed[label][place(label, name)] *= DEMOTED
        demoted.add((label, name))
