"""What the strategies of elastic supernets share: sub-networks and their draws.

Their spaces have sizes to choose: a ``ValueChoice`` in layers of :mod:`nasbench.nn`, or the depth
of a ``Repeat``. Sub-networks are slices of the largest one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.oneshot.base import OneShotContext, Supernets
from nasbench.strategies.oneshot.single_path import TRIES, SharedSearchStrategy
from nasbench.supernet.single_path import SinglePath

Choose = Callable[[Domain, np.random.Generator], Value]


def sizes(paths: SinglePath) -> dict[str, list[Value]]:
    """Return label to options, in ascending order, of every decision on a size.

    Raises:
        UserError: the space has no such decision.
    """
    layers = [module for module in paths.network.modules() if isinstance(module, Elastic)]
    sliced = {label for layer in layers for label in layer.labels}
    found: dict[str, list[Value]] = {}
    for label, domain in paths.domains.items():
        if label in sliced or domain.kind == "repeat":
            numbers = [v for v in domain.selectable if isinstance(v, int | float)]
            if len(numbers) > 1:
                found[label] = sorted(numbers)
    if not found:
        raise UserError(
            f"the space {type(paths.network).__name__} has no sizes to choose: allowed: a "
            "ValueChoice in layers of nasbench.nn, or a Repeat of several depths; the strategies "
            "'spos' and 'fairnas' accept this space"
        )
    return found


class ElasticStrategy(SharedSearchStrategy):
    """Sub-networks of a supernet whose sizes are choices, then a search among them.

    Gradients of the weights that a step's sub-networks do not use are 0. Momentum and decay move
    those that belong to a weight of which a part was used.

    Attributes:
        sizes: label to options, in ascending order, of every decision on a size.

    Raises:
        UserError: the space has no sizes to choose.
    """

    def __init__(
        self, supernets: Supernets, domains: Domains, options: Any, context: OneShotContext
    ) -> None:
        super().__init__(supernets, domains, options, context)
        self.sizes = sizes(self.paths)

    def extreme(self, place: int, *names: object) -> Arch:
        """Return the largest (``place=-1``) or the smallest (``place=0``) sub-network.

        Decisions that are not on sizes are drawn uniformly, by the stream of ``names``.
        """
        stream = self.context.stream(*names)

        def choose(domain: Domain) -> Value:
            if domain.label in self.sizes:
                return self.sizes[domain.label][place]
            return drawn(domain, stream)

        return self.domains.decide(choose)

    def draw(self, choose: Choose, *names: object) -> Arch:
        """Return a sub-network that keeps the limits, each decision drawn by itself.

        A uniform draw over the space would nearly always be one of the deepest sub-networks, of
        which there are most. If none of ``TRIES`` draws keeps the limits, the result is the one
        that exceeds them least.

        Args:
            choose: draws an option of a decision.
            *names: of the stream; the same names give the same sub-network.
        """
        stream = self.context.stream(*names)
        draws = (self.domains.decide(lambda d: choose(d, stream)) for _ in range(TRIES))
        best, least = None, float("inf")
        for arch in draws:
            over = self.context.violation(arch)
            if best is None or over < least:
                best, least = arch, over
            if over == 0:
                break
        assert best is not None
        return best


def drawn(domain: Domain, stream: np.random.Generator) -> Value:
    """Return a uniform option of a decision."""
    return domain.options[int(stream.integers(len(domain.options)))]
