"""What a network under construction is to become: a supernet, or one architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from nasbench.errors import UserError
from nasbench.space.arch import Arch
from nasbench.space.domain import Condition, Domain, Value


class Build:
    """Collects the domains of one construction and answers what was chosen.

    Args:
        arch: the architecture to build, or ``None`` for the supernet.
        partial: a supernet's candidates are built with one of so many channels.
    """

    def __init__(self, arch: Arch | None = None, partial: int = 1) -> None:
        self.arch = arch
        self.partial = partial
        self.domains: dict[str, Domain] = {}
        self._scope: tuple[Condition, ...] = ()

    def register(self, domain: Domain) -> None:
        """Take note of a decision; the same label again is the same decision.

        Raises:
            ValueError: the label was used before with other candidates.
        """
        site = self._scope
        known = self.domains.get(domain.label)
        if known is None:
            self.domains[domain.label] = replace(domain, sites=(site,))
        elif replace(known, sites=domain.sites) != domain:
            raise ValueError(
                f"the label {domain.label!r} is used twice with different candidates: "
                f"{known.allowed()} and {domain.allowed()}"
            )
        elif site not in known.sites:
            self.domains[domain.label] = replace(known, sites=(*known.sites, site))

    def chosen(self, domain: Domain) -> Value:
        """Return what the architecture holds under the domain's label.

        Raises:
            UserError: the label is missing or its value is not allowed.
        """
        assert self.arch is not None
        if domain.label not in self.arch:
            raise UserError(
                f"the architecture lacks the label {domain.label!r}: allowed: {domain.allowed()}"
            )
        value = self.arch[domain.label]
        if value not in domain.options:
            raise UserError(
                f"the label {domain.label!r} has the value {value!r}: allowed: {domain.allowed()}"
            )
        return value

    @contextmanager
    def under(self, label: str, values: Iterable[Value]) -> Iterator[None]:
        """What is built inside is there only while ``label`` takes one of ``values``."""
        before = self._scope
        self._scope = (*before, Condition(label, frozenset(values)))
        try:
            yield
        finally:
            self._scope = before


_BUILD: ContextVar[Build | None] = ContextVar("build", default=None)


def current() -> Build:
    """Return the construction under way; outside of one, a supernet's that nobody collects."""
    return _BUILD.get() or Build()


@contextmanager
def building(arch: Arch | None, partial: int = 1) -> Iterator[Build]:
    """Construct what is inside as the supernet (``None``) or as ``arch``."""
    build = Build(arch, partial)
    token = _BUILD.set(build)
    try:
        yield build
    finally:
        _BUILD.reset(token)
