"""What the four primitives share: a label, a domain, and frozen or relaxed."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

from nasbench.space import build
from nasbench.space.domain import Domain, Value


class Relaxation(Protocol):
    """How a supernet answers where an architecture would decide; see ``nasbench.supernet``."""

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return what a ``LayerChoice`` makes of its inputs."""
        ...

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return what an ``InputChoice`` makes of its candidates."""
        ...

    def repeat(self, choice: nn.Module, x: Tensor) -> Tensor:
        """Return what a ``Repeat`` makes of its input."""
        ...


class Choice(nn.Module):
    """A decision: one option under an architecture, all of them in a supernet.

    Args:
        domain: what may be decided; its label must be a non-empty text without a dot.

    Raises:
        ValueError: the label is empty or holds a dot, or there is nothing to choose from.
    """

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        if not domain.label or "." in domain.label:
            raise ValueError(f"label {domain.label!r}: must be a non-empty text without a dot")
        if not domain.selectable or len(set(domain.candidates)) < len(domain.candidates):
            raise ValueError(f"label {domain.label!r}: needs candidates, each a different one")
        self.domain = domain
        self._build = build.current()
        self._build.register(domain)
        self.frozen = self._build.arch is not None
        self.chosen: Value | None = self._build.chosen(domain) if self.frozen else None
        # In a list, so that a relaxation that is itself a module does not become a child of
        # every choice it relaxes.
        self._relaxation: list[Relaxation] = []

    @property
    def label(self) -> str:
        """The decision's name."""
        return self.domain.label

    def relaxation(self) -> Relaxation:
        """Return who answers this decision in a supernet.

        Raises:
            RuntimeError: the network is neither frozen nor inside a supernet.
        """
        if not self._relaxation:
            raise RuntimeError(
                f"the choice {self.label!r} is open: freeze the space under an architecture, "
                "or relax it with a supernet"
            )
        return self._relaxation[0]

    def relax(self, relaxation: Relaxation) -> None:
        """Let ``relaxation`` answer from now on."""
        self._relaxation[:] = [relaxation]

    def __getstate__(self) -> dict[str, object]:
        state = dict(self.__dict__)
        state.pop("_build", None)
        return state
