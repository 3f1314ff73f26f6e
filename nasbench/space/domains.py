"""Domains: all decisions of a space, with counting, sampling, mutation and encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError, unknown
from nasbench.space.arch import Arch
from nasbench.space.domain import Domain, Value
from nasbench.space.enumerator import ArchEnumerator


def parents_first(domains: Mapping[str, Domain]) -> list[Domain]:
    """Return the domains in an order where each follows those that its conditions name.

    The given order is kept otherwise, so children stay close to their parents.

    Raises:
        ValueError: two decisions depend on each other.
    """
    done: dict[str, Domain] = {}
    doing: set[str] = set()

    def visit(label: str) -> None:
        if label in done:
            return
        if label in doing:
            raise ValueError(f"the choice {label!r} depends on itself")
        doing.add(label)
        for site in domains[label].sites:
            for condition in site:
                visit(condition.label)
        done[label] = domains[label]

    for label in domains:
        visit(label)
    return list(done.values())


class Domains(Mapping[str, Domain]):
    """The decisions of a space, by label.

    Args:
        domains: the decisions, in any order.

    Example:
        >>> domains = MySpace.describe(spec)
        >>> arch = domains.sample(np.random.default_rng(0))
        >>> domains.size
        12
    """

    def __init__(self, domains: Iterable[Domain]) -> None:
        by_label = {domain.label: domain for domain in domains}
        self._ordered = parents_first(by_label)
        self._domains = {domain.label: domain for domain in self._ordered}
        self._all = ArchEnumerator(self._ordered)
        self._parents = {c.label for d in self._ordered for site in d.sites for c in site}
        self._step_cache: dict[tuple[str, Value], list[Value]] = {}
        self._code_cache: dict[tuple[str, Value | None], list[float]] = {}

    def __getitem__(self, label: str) -> Domain:
        return self._domains[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._domains)

    def __len__(self) -> int:
        return len(self._domains)

    @property
    def size(self) -> int:
        """The exact number of different architectures."""
        return self._all.size

    def arch(self, choices: Mapping[str, object]) -> Arch:
        """Return ``choices`` as an architecture of this space.

        Raises:
            UserError: a label is unknown, missing or not active, or a value is not allowed.
        """
        values = {}
        for label, value in choices.items():
            if label not in self:
                raise unknown("label", label, self)
            domain = self[label]
            found = domain.normalize(value)
            if found is None:
                raise UserError(
                    f"the label {label!r} has the value {value!r}: allowed: {domain.allowed()}"
                )
            values[label] = found
        active = next(iter(ArchEnumerator(self._ordered, values)))
        for label in active:
            if label not in values:
                raise UserError(
                    f"the architecture lacks the label {label!r}: allowed: {self[label].allowed()}"
                )
        for label in values:
            if label not in active:
                raise UserError(
                    f"the architecture has an extra label {label!r}: "
                    "its other choices make this decision inactive"
                )
        return Arch({label: values[label] for label in active})

    def active(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return ``choices`` without the labels that the other choices make inactive."""
        active = next(iter(ArchEnumerator(self._ordered, choices)))
        return {label: choices[label] for label in active}

    def sample(self, generator: np.random.Generator) -> Arch:
        """Return one architecture, drawn uniformly from the whole space."""
        return Arch(self._all.sample(generator))

    def sample_distinct(self, n: int, generator: np.random.Generator) -> list[Arch]:
        """Return ``n`` distinct architectures, drawn uniformly.

        A smaller ``n`` gives a prefix of the list that a larger ``n`` gives, up to ``size``.

        Args:
            n: number of architectures. If the space has no more, all of them are returned in the
                order of :meth:`enumerate`, and nothing is drawn.
            generator: the source of randomness.
        """
        if n >= self.size:
            return list(self.enumerate())
        found: dict[Arch, None] = {}
        while len(found) < n:
            found[self.sample(generator)] = None
        return list(found)

    def enumerate(self) -> Iterator[Arch]:
        """Yield every architecture once; check ``size`` first."""
        return (Arch(choices) for choices in self._all)

    def decide(self, choose: Callable[[Domain], Value]) -> Arch:
        """Return the architecture that results from calling ``choose`` for each active decision.

        ``choose`` is called for a decision after those that it depends on.
        """
        chosen: dict[str, Value] = {}
        for label, domain in self._domains.items():
            if any(all(chosen.get(c.label) in c.values for c in site) for site in domain.sites):
                chosen[label] = choose(domain)
        return Arch(chosen)

    def at(self, index: int) -> Arch:
        """Return the architecture at position ``index`` of :meth:`enumerate`.

        The time does not depend on ``index``.

        Args:
            index: in ``[0, size)``.

        Raises:
            IndexError: ``index`` is not in that range.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"no architecture {index}: the space has {self.size}")
        return Arch(self._all.at(index))

    def changed(
        self, arch: Arch, label: str, value: Value, generator: np.random.Generator
    ) -> Arch:
        """Return ``arch`` with ``value`` under ``label``.

        Decisions that become active are drawn uniformly.

        Args:
            arch: the architecture to change.
            label: one of its active labels.
            value: one of the options of ``label``.
            generator: the source of randomness.
        """
        fixed = {**arch, label: value}
        if label not in self._parents:
            return Arch(fixed)
        return Arch(ArchEnumerator(self._ordered, fixed).sample(generator))

    def mutate(self, arch: Arch, generator: np.random.Generator) -> Arch:
        """Return ``arch`` with one random decision changed by one step.

        Decisions that become active are drawn uniformly.

        Raises:
            ValueError: the space has a single architecture.
        """
        free = [label for label, value in arch.items() if self._steps(label, value)]
        if not free:
            raise ValueError("this space has a single architecture: nothing to mutate")
        label = free[int(generator.integers(len(free)))]
        steps = self._steps(label, arch[label])
        value = steps[int(generator.integers(len(steps)))]
        return self.changed(arch, label, value, generator)

    def completed(self, choices: Mapping[str, Value]) -> Arch:
        """Return ``choices`` completed with the first option of every missing decision.

        Inactive labels are dropped.
        """
        return Arch(next(iter(ArchEnumerator(self._ordered, choices))))

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield every architecture one step away, with all values of newly active decisions.

        The relation is symmetric.
        """
        for label, old in arch.items():
            for value in self._steps(label, old):
                fixed = {**arch, label: value}
                if label in self._parents:
                    yield from (Arch(choices) for choices in ArchEnumerator(self._ordered, fixed))
                else:
                    yield Arch(fixed)

    def encode(self, arch: Arch) -> npt.NDArray[np.float32]:
        """Return ``arch`` as a 0/1 vector of shape ``(total number of selectable candidates,)``.

        Each decision has one entry per selectable candidate, in the order of the labels; the
        entries of an inactive decision are 0. See :meth:`Domain.encode`.
        """
        numbers: list[float] = []
        for label, domain in self.items():
            key = label, arch.get(label)
            if key not in self._code_cache:
                self._code_cache[key] = domain.encode(key[1])
            numbers += self._code_cache[key]
        return np.array(numbers, dtype=np.float32)

    def _steps(self, label: str, value: Value) -> list[Value]:
        key = label, value
        if key not in self._step_cache:
            self._step_cache[key] = self[label].steps(value)
        return self._step_cache[key]
