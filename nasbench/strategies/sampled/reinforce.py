"""Policy gradient (Zoph and Le, ICLR 2017; the estimator is REINFORCE of Williams, 1992).

The policy has a softmax for each decision, independent of the others, as in NAS-Bench-201 (Dong
and Yang, ICLR 2020). Each result moves the logits along ``(score - baseline) * grad log p(arch)``,
where the baseline is a moving average of the scores. NAS-Bench-201 moves them by Adam (Kingma and
Ba, ICLR 2015) and includes the new score in its baseline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SequentialStrategy

Logits = dict[str, npt.NDArray[np.float64]]  # label to one number for each option

RULES = ("plain", "nas-bench-201")


@dataclass(frozen=True)
class ReinforceOptions(PluginOptions):
    """Options of ``reinforce``."""

    rule: str = option(
        "plain",
        "How a result moves the logits: along the gradient, or as in NAS-Bench-201, by Adam.",
        allowed=RULES,
    )
    lr: float = option(
        10.0,
        "Step size along the gradient, for scores in [0, 1]; others are divided by their range.",
        above=0,
        only_with=("rule", "plain"),
    )
    adam_lr: float = option(
        0.01, "Learning rate of Adam.", above=0, only_with=("rule", "nas-bench-201")
    )
    decay: float = option(0.9, "Decay of the moving average of the scores.", low=0, below=1)
    entropy: float = option(
        0.0, "Weight of the policy's entropy, which delays its convergence.", low=0
    )


class Policy:
    """Independent softmaxes over the options of each decision; inactive ones have no effect.

    Attributes:
        logits: all 0 at first, so that the options of a decision are equally likely.
    """

    def __init__(self, domains: Domains) -> None:
        self.domains = domains
        self.logits: Logits = {d.label: np.zeros(len(d.options)) for d in domains.values()}

    def probabilities(self, label: str) -> npt.NDArray[np.float64]:
        """Return the probability of each option of ``label``."""
        shifted: npt.NDArray[np.float64] = np.exp(self.logits[label] - self.logits[label].max())
        total: np.float64 = shifted.sum()
        return shifted / total

    def sample(self, stream: np.random.Generator) -> Arch:
        """Return an architecture drawn from the policy."""

        def draw(domain: Domain) -> Value:
            ends = self.probabilities(domain.label).cumsum()
            return domain.options[int(np.searchsorted(ends, stream.random() * ends[-1], "right"))]

        return self.domains.decide(draw)

    def log_gradient(self, arch: Arch) -> Logits:
        """Return the gradient of ``log p(arch)`` with respect to the active decisions' logits."""
        found = {}
        for label, value in arch.items():
            found[label] = -self.probabilities(label)
            found[label][self.domains[label].options.index(value)] += 1
        return found

    def entropy_gradient(self, arch: Arch) -> Logits:
        """Return the gradient of the summed entropies, in nats, of the decisions of ``arch``."""
        found = {}
        for label in arch:
            p = self.probabilities(label)
            logs = np.log(p, out=np.zeros_like(p), where=p > 0)
            found[label] = -p * (logs - p @ logs)
        return found


BETAS, EPS = (0.9, 0.999), 1e-8


class Adam:
    """Adam on logits, with its usual constants.

    Args:
        logits: changed in place.
        lr: the learning rate, above 0.
    """

    def __init__(self, logits: Logits, lr: float) -> None:
        self.logits, self.lr, self.steps = logits, lr, 0
        self.first = {label: np.zeros_like(values) for label, values in logits.items()}
        self.second = {label: np.zeros_like(values) for label, values in logits.items()}

    def ascend(self, gradients: Logits) -> None:
        """Move up the gradients; those that are missing are 0."""
        self.steps += 1
        for label, values in self.logits.items():
            gradient = gradients.get(label, np.zeros_like(values))
            self.first[label] += (1 - BETAS[0]) * (gradient - self.first[label])
            self.second[label] += (1 - BETAS[1]) * (gradient**2 - self.second[label])
            first = self.first[label] / (1 - BETAS[0] ** self.steps)
            second = self.second[label] / (1 - BETAS[1] ** self.steps)
            values += self.lr * first / (np.sqrt(second) + EPS)


class ReinforceStrategy(SequentialStrategy):
    """Draws from a policy and moves it towards architectures that scored above the average.

    A known or too costly draw is repeated. Failed trials are ignored.

    Attributes:
        policy: the policy from which architectures are drawn.
        baseline: the moving average of the scores, initialized with the first one.
    """

    Options = ReinforceOptions

    def __init__(
        self, domains: Domains, options: ReinforceOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        self._begin()

    def _begin(self) -> None:
        self.policy = Policy(self.domains)
        self.baseline: float | None = None
        self._weight = 0.0  # of the scores in the average of NAS-Bench-201
        self._range = (math.inf, -math.inf)  # of the scores so far
        self._adam = Adam(self.policy.logits, self.options.adam_lr)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._begin()
        super().load_state_dict(state)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a draw from the policy."""
        return self.policy.sample(stream)

    def update(self, results: Sequence[Result]) -> None:
        """Take one step for each result, in order."""
        super().update(results)
        for result in results:
            if result.failed:
                continue
            low, high = self._range
            self._range = min(low, result.score), max(high, result.score)
            before = result.score if self.baseline is None else self.baseline
            decay = self.options.decay
            if self.options.rule == "nas-bench-201":
                # The average of all scores, weighted by ``decay`` to the power of their age.
                self._weight = decay * self._weight + (1 - decay)
                self.baseline = before + (1 - decay) / self._weight * (result.score - before)
                self._adam.ascend(self._gradients(result, self.baseline))
            else:
                for label, gradient in self._gradients(result, before).items():
                    self.policy.logits[label] += self.options.lr * gradient
                self.baseline = decay * before + (1 - decay) * result.score

    def _gradients(self, result: Result, baseline: float) -> Logits:
        """Return the gradients of the expected score and entropy that one result estimates."""
        of_log = self.policy.log_gradient(result.arch)
        unit = max(1.0, self._range[1] - self._range[0])  # an error may be in the thousands
        of_entropy = self.policy.entropy_gradient(result.arch)
        return {
            label: (result.score - baseline) / unit * of_log[label]
            + self.options.entropy * of_entropy[label]
            for label in result.arch
        }
