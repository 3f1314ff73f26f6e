"""JointDomains: the decisions of a space with further ones beside them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nasbench.errors import UserError
from nasbench.space.arch import Arch
from nasbench.space.domain import Domain, Value
from nasbench.space.domains import Domains


class JointDomains(Domains):
    """The decisions of a space, and decisions of its training that no network knows.

    Strategies see them side by side. A draw chooses the network uniformly from the space, and each
    active decision beside it uniformly from its own options: options with further decisions below
    them are no likelier for it.

    Args:
        network: the decisions of the space.
        beside: the others; their conditions name others of them only.

    Raises:
        UserError: a label of theirs is a label of the space.
    """

    def __init__(self, network: Domains, beside: Iterable[Domain] = ()) -> None:
        self.network = network
        self.beside = Domains(beside)
        for label in self.beside:
            if label in network:
                raise UserError(
                    f"the space has a choice with the label {label!r}, which stands for an option "
                    "of training: rename the choice"
                )
        super().__init__([*network.values(), *self.beside.values()])

    def split(self, arch: Arch) -> tuple[Arch, dict[str, Value]]:
        """Return the architecture of the network, and the decisions beside it by label."""
        if not self.beside:
            return arch, {}
        beside = {label: value for label, value in arch.items() if label in self.beside}
        return Arch({k: v for k, v in arch.items() if k not in beside}), beside

    def sample(self, generator: np.random.Generator) -> Arch:
        """Return a network drawn uniformly, with each decision beside it drawn by itself."""
        network = self.network.sample(generator)
        if not self.beside:
            return network

        def choose(domain: Domain) -> Value:
            return domain.options[int(generator.integers(len(domain.options)))]

        return Arch({**network, **self.beside.decide(choose)})
