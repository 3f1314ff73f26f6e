"""FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search.

Chu, Zhang, Xu; ICCV 2021. Strict fairness (section 3.3, algorithm 1): in each step every candidate
of a decision is trained exactly once, on paths drawn without replacement, and the weights move
once along the summed gradients. The search with the trained weights is that of SPOS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np

from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.oneshot.single_path import SharedSearchOptions, SharedSearchStrategy
from nasbench.strategies.recipe import DARTS, IMAGENET, NASBENCH201, Recipe


class FairNasOptions(SharedSearchOptions):
    """Options of ``fairnas``; see :class:`SharedSearchOptions`."""


class FairNasStrategy(SharedSearchStrategy):
    """Strictly fair paths; limits hold for what is selected, as a redraw would be unfair.

    A step costs as many passes as the largest decision has options.

    Raises:
        UserError: the space has a ``ValueChoice``.
    """

    Options = FairNasOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "proxyless": Recipe(
            source="FairNAS (arXiv:1907.01845), section 4; its code holds no training",
            search={
                **DARTS.search,
                "epochs": 150,
                "batch_size": 256,
                "lr": 0.045,
                "final_lr": 0.0,
                "weight_decay": 4e-5,
                "grad_clip": 0.0,
            },
            options={"candidates": 14_000, "population": 70},  # 200 generations
            retrain=IMAGENET.retrain,
        ),
        "nas-bench-201": NASBENCH201,
    }

    def next_paths(self) -> Sequence[Arch]:
        """Return the paths of one fair step, a function of the seed and the step."""
        return fair_paths(self.domains, self.context.stream("paths", self.number))


def fair_paths(domains: Domains, stream: np.random.Generator) -> list[Arch]:
    """Return as many paths as the largest decision has options.

    Each decision goes through its options in a random order; one with fewer options goes through
    them again in a new order. A decision that is inactive on a path continues on the next one.
    """
    orders = {label: _rounds(domain, stream) for label, domain in domains.items()}
    largest = max(len(domain.options) for domain in domains.values())
    return [domains.decide(lambda domain: next(orders[domain.label])) for _ in range(largest)]


def _rounds(domain: Domain, stream: np.random.Generator) -> Iterator[Value]:
    """Yield the options in endless rounds, each in a new random order."""
    while True:
        for place in stream.permutation(len(domain.options)):
            yield domain.options[place]
