"""Small search spaces and made-up results, for tests of strategies; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from torch import nn

from nasbench.seeding import derive
from nasbench.space import (
    Arch,
    Condition,
    DataSpec,
    Domain,
    Domains,
    InputChoice,
    JointDomains,
    LayerChoice,
    Repeat,
    SearchSpace,
    Value,
    ValueChoice,
)
from nasbench.strategies.sampled.ask_tell import Evaluated, Proposals, ask_and_tell
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SampledStrategy

Outcome = Callable[[SampledStrategy, Proposal], Result]


class Nested(SearchSpace):
    """Decisions of every kind, some of them below others; 6,192 architectures."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.stack = Repeat(self.block, (1, 3), label="depth")
        edges = [partial(self.edge, index) for index in range(4)]
        self.node = InputChoice(4, 2, label="node", edges=edges)

    def block(self, index: int) -> nn.Module:
        """Return one of three layers, one of which has a width."""
        width = f"width{index}"
        return LayerChoice(
            {
                "linear": lambda: nn.Linear(1, ValueChoice([2, 4, 8, 16], label=width).number),
                "sigmoid": nn.Sigmoid,
                "skip": nn.Identity,
            },
            label=f"block{index}",
        )

    def edge(self, index: int) -> nn.Module:
        """Return one of two layers; only the edges of chosen inputs decide."""
        return LayerChoice({"tanh": nn.Tanh, "skip": nn.Identity}, label=f"edge{index}")


def nested() -> Domains:
    """Return the decisions of :class:`Nested`."""
    return Nested.describe(DataSpec(1, 1, 1, 2))


def joint() -> Domains:
    """Return the decisions of :class:`Nested` with options of training beside them."""
    below = (Condition("training.optimizer", frozenset({"sgd"})),)
    rates = tuple(2.0**-k for k in range(12, -1, -1))
    momenta = tuple(k / 20 for k in range(20))
    return JointDomains(
        nested(),
        [
            Domain("training.lr", "hyper", rates, ordered=True),
            Domain("training.optimizer", "hyper", ("sgd", "adam")),
            Domain("training.momentum", "hyper", momenta, sites=(below,), ordered=True),
        ],
    )


def flat(decisions: int = 6, candidates: int = 4) -> Domains:
    """Return independent decisions: ``candidates ** decisions`` architectures."""
    names = tuple("abcdefgh"[:candidates])
    return Domains(Domain(f"layer{i}", "layer", names) for i in range(decisions))


def places(domains: Domains, arch: Arch) -> list[float]:
    """Return the relative position of each decision's value among its options, in [0, 1]."""

    def place(label: str, value: Value) -> float:
        options = domains[label].options
        return options.index(value) / max(1, len(options) - 1)

    return [place(label, value) for label, value in arch.items()]


def costs(domains: Domains, arch: Arch) -> dict[str, float]:
    """Return every cost that a strategy may measure; later values cost more."""
    params = 1 + sum(places(domains, arch))
    return {"params": params, "macs": 2 * params, "latency_ms": params / 10}


def evaluate(strategy: SampledStrategy, proposal: Proposal) -> Result:
    """Return a result that improves with the positions of the values and the training's length.

    It contains only the costs that the strategy measures.
    """
    arch, domains = proposal.arch, strategy.domains
    learnt = 1 - 0.5 ** (3 * proposal.epochs / strategy.context.epochs)
    score = float(np.mean(places(domains, arch))) * learnt
    measured = {name: costs(domains, arch)[name] for name in strategy.measures}
    return Result(arch, score, proposal.epochs, measured)


def fail(strategy: SampledStrategy, proposal: Proposal) -> Result:
    """Return the result of a trial that failed."""
    return Result(proposal.arch, 0.0, proposal.epochs, failed=True)


def below(domains: Domains, limit: float) -> Callable[[Arch], float]:
    """Return the violation of a limit on the parameters that :func:`costs` returns."""
    return lambda arch: max(0.0, costs(domains, arch)["params"] / limit - 1)


def promise(name: str, arch: Arch) -> float:
    """Return the score of an invented proxy: random, but the same in every process."""
    return derive(0, name, arch.canonical) / 2**63


def play(
    strategy: SampledStrategy,
    evaluations: int,
    slots: int = 1,
    order: np.random.Generator | None = None,
    outcome: Outcome = evaluate,
) -> list[Proposal]:
    """Search with invented results, as the engine searches with trials.

    Args:
        strategy: the strategy under test.
        evaluations: number of trials; fewer if the strategy has no more proposals.
        slots: number of concurrent trials, at least 1.
        order: picks the trial that ends next; ``None`` for the one that began first.
        outcome: returns the result of a proposal.

    Returns:
        The proposals in the order in which their trials ended.
    """
    evaluator = _Evaluator(strategy, slots, order, outcome)
    ask_and_tell(Proposals(strategy), evaluator, lambda: evaluator.begun < evaluations)
    return evaluator.done


class _Evaluator:
    """Makes results up, those of several proposals under way in any order."""

    def __init__(
        self,
        strategy: SampledStrategy,
        slots: int,
        order: np.random.Generator | None,
        outcome: Outcome,
    ) -> None:
        self.strategy = strategy
        self.slots = slots
        self.order = order
        self.outcome = outcome
        self.begun = 0
        self.done: list[Proposal] = []
        self._under_way: list[Proposal] = []

    def submit(self, job: Proposal) -> None:
        """Put a proposal under way."""
        self.begun += 1
        self._under_way.append(job)

    def next(self) -> Evaluated:
        """End one of the proposals under way."""
        place = 0 if self.order is None else int(self.order.integers(len(self._under_way)))
        self.done.append(self._under_way.pop(place))
        return self.done[-1], self.outcome(self.strategy, self.done[-1])


def course(
    kind: type[SampledStrategy], options: Any, setting: SampledContext, evaluations: int
) -> list[tuple[str, int]]:
    """Return the architectures and lengths that a search of :func:`nested` proposes.

    It is at the top level so that a fresh process can import it.

    Args:
        kind: the strategy.
        options: its options.
        setting: the context of the search.
        evaluations: the number of trials.
    """
    strategy = kind(nested(), options, setting)
    return [(one.arch.canonical, one.epochs) for one in play(strategy, evaluations, slots=2)]
