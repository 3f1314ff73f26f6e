"""Signs that a search has collapsed, and the warnings they give.

Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020: skip
connections take over, and the loss becomes sharp in the architecture parameters. Wang et al.,
"Rethinking Architecture Selection in Differentiable NAS", ICLR 2021: the supernet's accuracy is
lost by discretization.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nasbench.space import Arch, Choice
from nasbench.strategies.oneshot.robust import jumped
from nasbench.strategies.oneshot.skip_regularization import limited_skips

TOO_MANY_SKIPS = 1 / 2  # of the edges
UNDECIDED = 0.9999  # entropy, as a share of the largest possible; parameters that differ by 0.03
TOO_WIDE = 0.5  # share of the supernet's accuracy that discretization loses
MIXED = 0.95  # entropy from which the supernet still weighs its operations nearly alike


@dataclass(frozen=True)
class CollapseSigns:
    """Measurements of a one-shot search that show a collapse.

    Attributes:
        skips: edges of the architecture whose operation is a skip connection.
        edges: edges of the architecture with a skip connection among their candidates; in a space
            of normal and reduction cells, those of the normal cell.
        entropy: the mean over decisions of the weights' entropy, as a share of the largest
            possible; 1 is uniform. ``None`` where no weights are learned.
        supernet_accuracy: accuracy of the whole supernet on the validation half, in [0, 1];
            ``None`` if it has none.
        derived_accuracy: accuracy of the architecture with the supernet's weights and recalibrated
            BN statistics, in [0, 1]; ``None`` if it was not measured.
        eigenvalues: the largest eigenvalue of the validation loss's Hessian after each epoch.
    """

    skips: int
    edges: int
    entropy: float | None = None
    supernet_accuracy: float | None = None
    derived_accuracy: float | None = None
    eigenvalues: tuple[float, ...] = ()

    @property
    def collapsed(self) -> bool:
        """Whether skip connections have taken over."""
        return self.edges > 0 and self.skips >= TOO_MANY_SKIPS * self.edges

    @property
    def lost(self) -> bool:
        """Whether discretization loses more than it must.

        Operations that a supernet weighs nearly alike have been trained together, as in every
        short search: one of them alone then works badly, whichever it is.
        """
        if self.gap is None or (self.entropy is not None and self.entropy >= MIXED):
            return False
        return self.gap > TOO_WIDE * (self.supernet_accuracy or 0)

    @property
    def gap(self) -> float | None:
        """Accuracy that the supernet loses by discretization."""
        if self.supernet_accuracy is None or self.derived_accuracy is None:
            return None
        return self.supernet_accuracy - self.derived_accuracy

    def to_json(self) -> dict[str, Any]:
        """Return the signs and what follows from them, for ``checkpoint.json``."""
        return {**asdict(self), "gap": self.gap, "collapsed": self.collapsed}


def skip_edges(sites: Iterable[Choice], arch: Arch) -> tuple[int, int]:
    """Return the numbers of edges of ``arch`` that are, and that could be, skip connections."""
    could = {label: names for label, names in limited_skips(sites).items() if names}
    taken = [arch[label] in names for label, names in could.items() if label in arch]
    return sum(taken), len(taken)


def entropy(weights: Mapping[str, Sequence[float]]) -> float | None:
    """Return the mean entropy of all decisions as a share of the largest possible, in [0, 1].

    Args:
        weights: label to weights of at least 0; they need not sum to 1.
    """
    shares = []
    for values in weights.values():
        if len(values) > 1 and sum(values) > 0:
            total = math.fsum(values)
            p = [w / total for w in values if w > 0]
            shares.append(-math.fsum(q * math.log(q) for q in p) / math.log(len(values)))
    return math.fsum(shares) / len(shares) if shares else None


def verdict(signs: CollapseSigns, strategy: str, robust: bool | None) -> tuple[str, ...]:
    """Return one line for each sign of collapse.

    Args:
        signs: what was measured.
        strategy: the strategy of the search, which is not suggested again.
        robust: whether early stopping was on; ``None`` if the strategy has none.
    """
    lines = []
    if signs.collapsed:
        other = "`pc-darts`" if strategy != "pc-darts" else "`p-darts`"
        instead = f"{other} or `-o robust=true`" if robust is False else other
        lines.append(
            f"{signs.skips} of {signs.edges} edges are skip connections: likely collapsed; "
            f"try {instead}"
        )
    if signs.entropy is not None and signs.entropy >= UNDECIDED:
        lines.append(
            "the architecture parameters have hardly moved "
            f"(entropy {signs.entropy:.5f} of 1): the choice is close to a random one; "
            "try more `--epochs` or a higher `-o arch_lr`"
        )
    if signs.lost:
        lines.append(
            f"the architecture has {signs.derived_accuracy:.1%} with the supernet's weights, the "
            f"supernet {signs.supernet_accuracy:.1%}: its operations work only together, so they "
            "were not chosen by what each is worth alone; "
            f"try {'`spos`' if strategy == 'darts-pt' else '`darts-pt`'}"
        )
    if jumped(list(signs.eigenvalues)) and robust is False:
        lines.append(
            f"the Hessian's largest eigenvalue has grown to {signs.eigenvalues[-1]:.3g}: the "
            "loss is sharp in the architecture; try `-o robust=true`"
        )
    return tuple(lines)
