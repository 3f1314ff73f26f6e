"""The controller of ENAS: an LSTM that decides a space's decisions one after the other.

Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML
2018, sections 2.1 and 3; its logits are those of Bello et al., "Neural Combinatorial Optimization
with Reinforcement Learning", 2017: ``constant * tanh(logits / temperature)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nasbench.space import Arch, Domain, Domains, Value

INITIAL_RANGE = 0.1  # parameters begin uniform in [-0.1, 0.1], as in the paper


class Decided(NamedTuple):
    """An architecture and what the controller thought of it.

    Attributes:
        arch: the architecture.
        log_probability: of it, a scalar.
        entropy: summed over its decisions, in nats, a scalar.
        probabilities: label to those of its options, shape ``(options,)``; active decisions only.
    """

    arch: Arch
    log_probability: Tensor
    entropy: Tensor
    probabilities: dict[str, Tensor]


class Controller(nn.Module):
    """An LSTM whose input is what was decided last.

    Args:
        domains: the decisions.
        hidden: units of the LSTM.
        temperature: divides the logits; above 0.
        tanh_constant: bounds them; above 0.
    """

    def __init__(
        self, domains: Domains, hidden: int, temperature: float, tanh_constant: float
    ) -> None:
        super().__init__()
        self.domains = domains
        self.temperature = temperature
        self.tanh_constant = tanh_constant
        self._first: dict[str, int] = {}  # label to the row of its first option
        rows = 0
        for label, domain in domains.items():
            self._first[label] = rows
            rows += len(domain.options)
        self.embedding = nn.Embedding(rows + 1, hidden)  # the last row begins every architecture
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.logits = nn.Linear(hidden, rows, bias=False)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL_RANGE, INITIAL_RANGE)

    def sample(self, stream: np.random.Generator) -> Decided:
        """Return a draw."""

        def draw(_: Domain, p: Tensor) -> int:
            ends = p.detach().double().cumsum(dim=0).cpu().numpy()
            return int(np.searchsorted(ends, stream.random() * ends[-1], "right"))

        return self.decide(draw)

    def likeliest(self) -> Decided:
        """Return the architecture whose every decision is the likeliest after those before it."""
        return self.decide(lambda _, p: int(p.argmax()))

    def read(self, arch: Arch) -> Decided:
        """Return what the controller thinks of a given architecture."""
        return self.decide(lambda domain, _: domain.options.index(arch[domain.label]))

    def decide(self, pick: Callable[[Domain, Tensor], int]) -> Decided:
        """Return the architecture that ``pick`` makes of every decision's probabilities.

        Args:
            pick: returns the place of one of the decision's options.
        """
        state: tuple[Tensor, Tensor] | None = None
        row, found, logs = self.embedding.num_embeddings - 1, {}, []

        def choose(domain: Domain) -> Value:
            nonlocal state, row
            state = self.lstm(self.embedding.weight[row].unsqueeze(0), state)
            log = self._log_probabilities(domain, state[0][0])
            found[domain.label] = log.exp()
            place = pick(domain, found[domain.label])
            row = self._first[domain.label] + place
            logs.append((log[place], -(log.exp() * log).sum()))
            return domain.options[place]

        arch = self.domains.decide(choose)
        chosen, entropies = zip(*logs, strict=True)
        return Decided(arch, torch.stack(chosen).sum(), torch.stack(entropies).sum(), found)

    def _log_probabilities(self, domain: Domain, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the decision's options, shape ``(options,)``."""
        first = self._first[domain.label]
        weight = self.logits.weight[first : first + len(domain.options)]
        bounded = self.tanh_constant * torch.tanh(weight @ hidden / self.temperature)
        return bounded.log_softmax(dim=0)
