"""The construction in progress: a supernet, or the network of one architecture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from nasbench.errors import UserError
from nasbench.space.arch import Arch
from nasbench.space.domain import Condition, Domain, Value
from nasbench.space.expressions import Arithmetic, text


class Build:
    """Collects the domains of one construction and looks up chosen values.

    Args:
        arch: the architecture to construct, or ``None`` for the supernet.
        partial: K of partial channels: candidates are constructed with 1/K of the channels.
    """

    def __init__(self, arch: Arch | None = None, partial: int = 1) -> None:
        self.arch = arch
        self.partial = partial
        self.domains: dict[str, Domain] = {}
        self._scope: tuple[Condition, ...] = ()

    def register(self, domain: Domain) -> None:
        """Register a decision; a repeated label is the same decision.

        Raises:
            ValueError: the label was used before with different candidates.
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
        """Return the value of the domain's label in the architecture.

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
        """Mark choices constructed inside as active only if ``label`` has one of ``values``."""
        before = self._scope
        self._scope = (*before, Condition(label, frozenset(values)))
        try:
            yield
        finally:
            self._scope = before


_BUILD: ContextVar[Build | None] = ContextVar("build", default=None)


def current() -> Build:
    """Return the construction in progress, or a new one of a supernet if there is none."""
    return _BUILD.get() or Build()


@contextmanager
def building(arch: Arch | None, partial: int = 1) -> Iterator[Build]:
    """Construct networks inside as supernets (``None``) or under ``arch``.

    Raises:
        UserError: a layer that takes no choices was given one.
    """
    build = Build(arch, partial)
    token = _BUILD.set(build)
    try:
        yield build
    except TypeError as error:
        raise _misplaced(error) or error from None
    finally:
        _BUILD.reset(token)


def _misplaced(error: TypeError) -> UserError | None:
    """Return the error of a choice that was given as a plain number, if that is the cause."""
    if not any(kind in str(error) for kind in ("ValueChoice", "Expression")):
        return None
    found, place = None, error.__traceback__
    while place is not None:  # the last is the layer's constructor
        local = place.tb_frame.f_locals
        for name, value in local.items():
            if isinstance(value, Arithmetic) and name != "self":
                found = type(local.get("self")).__name__, name, text(value)
        place = place.tb_next
    if found is None:
        return None
    return UserError(
        f"{found[0]}: {found[1]} is the choice {found[2]!r}, which this layer cannot slice: "
        "allowed: a number, such as the choice's .number, or a layer of nasbench.nn, which takes "
        "the choice itself"
    )
