"""``nasbench.list``: the names that other functions accept."""

from __future__ import annotations

from nasbench import catalog
from nasbench.api import html
from nasbench.errors import unknown

KINDS = {
    "spaces": catalog.SPACES,
    "strategies": catalog.STRATEGIES,
    "tasks": catalog.TASKS,
    "baselines": catalog.BASELINES,
    "tuners": catalog.TUNERS,
    "assessors": catalog.ASSESSORS,
    "tables": catalog.BENCHMARKS,
}


class Names(dict[str, str]):
    """Names with a few words about each."""

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:<{width}}  {words}" for name, words in self.items())

    def _repr_html_(self) -> str:
        return html.facts(self)


def list(kind: str | None = None) -> Names | dict[str, Names]:
    """Return the names that other functions accept, as ``nasbench list`` does.

    Args:
        kind: ``spaces``, ``strategies``, ``tasks``, ``baselines``, ``tuners``, ``assessors`` or
            ``tables``; all of them by default.

    Returns:
        Names with a few words about each; without a kind, these by kind.

    Raises:
        UserError: the kind is unknown.

    Example:
        >>> "darts" in nb.list("strategies")
        True
    """
    if kind is not None and kind not in KINDS:
        raise unknown("kind of names", kind, KINDS)
    found = {
        name: Names({key: entry.description for key, entry in table.items()})
        for name, table in KINDS.items()
        if kind in (None, name)
    }
    return found if kind is None else found[kind]
