"""All decisions of a space: checking, counting, drawing, changing and encoding them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError, unknown
from nasbench.space.arch import Arch
from nasbench.space.assignments import Assignments
from nasbench.space.domain import Domain, Value


def parents_first(domains: Mapping[str, Domain]) -> list[Domain]:
    """Return the domains so that each stands after those its conditions name.

    The order is otherwise the one given, which keeps the children near their parents.

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
    """The decisions of a space by label.

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
        self._all = Assignments(self._ordered)
        self._parents = {c.label for d in self._ordered for site in d.sites for c in site}
        self._known_steps: dict[tuple[str, Value], list[Value]] = {}
        self._known_codes: dict[tuple[str, Value | None], list[float]] = {}

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
        values = {label: self._value(label, value) for label, value in choices.items()}
        active = next(iter(Assignments(self._ordered, values)))
        for label in active:
            if label not in values:
                raise UserError(
                    f"the architecture lacks the label {label!r}: allowed: {self[label].allowed()}"
                )
        for label in values:
            if label not in active:
                raise UserError(
                    f"the architecture has the label {label!r} too many: "
                    "its other choices leave nothing for it to decide"
                )
        return Arch({label: values[label] for label in active})

    def _value(self, label: str, value: object) -> Value:
        if label not in self:
            raise unknown("label", label, self)
        domain = self[label]
        found = domain.normalize(value)
        if found is None:
            raise UserError(
                f"the label {label!r} has the value {value!r}: allowed: {domain.allowed()}"
            )
        return found

    def active(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return those of ``choices`` that the others leave something to decide."""
        active = next(iter(Assignments(self._ordered, choices)))
        return {label: choices[label] for label in active}

    def sample(self, generator: np.random.Generator) -> Arch:
        """Return one architecture, drawn uniformly from the whole space."""
        return Arch(self._all.sample(generator))

    def enumerate(self) -> Iterator[Arch]:
        """Yield every architecture once; look at ``size`` first."""
        return (Arch(choices) for choices in self._all)

    def decide(self, choose: Callable[[Domain], Value]) -> Arch:
        """Return the architecture that ``choose`` makes: asked for every active decision in turn.

        It is asked for a decision after those that this one depends on.
        """
        chosen: dict[str, Value] = {}
        for label, domain in self._domains.items():
            if any(all(chosen.get(c.label) in c.values for c in site) for site in domain.sites):
                chosen[label] = choose(domain)
        return Arch(chosen)

    def at(self, index: int) -> Arch:
        """Return the architecture that :meth:`enumerate` yields after ``index`` others.

        The others are not made, so this takes no longer in a large space.

        Args:
            index: in ``[0, size)``.

        Raises:
            IndexError: ``index`` is not in that range.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"no architecture {index}: the space holds {self.size}")
        return Arch(self._all.at(index))

    def changed(
        self, arch: Arch, label: str, value: Value, generator: np.random.Generator
    ) -> Arch:
        """Return ``arch`` with ``value`` under the active ``label``.

        Decisions that the change makes active are drawn uniformly.
        """
        fixed = {**arch, label: value}
        if label not in self._parents:
            return Arch(fixed)
        return Arch(Assignments(self._ordered, fixed).sample(generator))

    def mutate(self, arch: Arch, generator: np.random.Generator) -> Arch:
        """Return ``arch`` with one decision changed by one step.

        Decisions that the change makes active are drawn uniformly.

        Raises:
            ValueError: the space holds a single architecture.
        """
        free = [label for label, value in arch.items() if self._steps(label, value)]
        if not free:
            raise ValueError("this space holds a single architecture: nothing to mutate")
        label = free[int(generator.integers(len(free)))]
        steps = self._steps(label, arch[label])
        value = steps[int(generator.integers(len(steps)))]
        return self.changed(arch, label, value, generator)

    def completed(self, choices: Mapping[str, Value]) -> Arch:
        """Return ``choices`` with what they lack taken from the first option each.

        What they leave nothing to decide about is left out.
        """
        return Arch(next(iter(Assignments(self._ordered, choices))))

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield every architecture one step away, completed in every way; symmetric."""
        for label, old in arch.items():
            for value in self._steps(label, old):
                fixed = {**arch, label: value}
                if label in self._parents:
                    yield from (Arch(choices) for choices in Assignments(self._ordered, fixed))
                else:
                    yield Arch(fixed)

    def encode(self, arch: Arch) -> npt.NDArray[np.float32]:
        """Return ``arch`` as a vector of 0 and 1, shape ``(sum of candidates,)``.

        Every decision has one entry for each selectable candidate, in the order of the labels;
        an inactive decision is all 0.
        """
        parts = (self._code(label, arch.get(label)) for label in self)
        return np.array([number for part in parts for number in part], dtype=np.float32)

    def _code(self, label: str, value: Value | None) -> list[float]:
        key = label, value
        if key not in self._known_codes:
            self._known_codes[key] = self[label].encode(value)
        return self._known_codes[key]

    def _steps(self, label: str, value: Value) -> list[Value]:
        key = label, value
        if key not in self._known_steps:
            self._known_steps[key] = self[label].steps(value)
        return self._known_steps[key]
