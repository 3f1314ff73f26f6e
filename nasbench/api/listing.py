"""``nasbench.list``: the names that other functions accept."""

from __future__ import annotations

from nasbench import catalog, measures
from nasbench.api import html
from nasbench.errors import unknown
from nasbench.study import shipped


def _described(table: dict[str, catalog.Entry]) -> dict[str, str]:
    return {name: entry.description for name, entry in table.items()}


KINDS: dict[str, dict[str, str]] = {
    "spaces": _described(catalog.SPACES),
    "strategies": _described(catalog.STRATEGIES),
    "tasks": _described(catalog.TASKS),
    "baselines": _described(catalog.BASELINES),
    "tuners": _described(catalog.TUNERS),
    "assessors": _described(catalog.ASSESSORS),
    "tables": _described(catalog.BENCHMARKS),
    "proxies": _described(catalog.TABLES["proxy"]),
    "predictors": _described(catalog.PREDICTORS),
    "metrics": measures.listed(measures.METRICS, measures.LEADING),
    "losses": measures.listed(measures.LOSSES, measures.DEFAULT_LOSS),
    "studies": shipped.studies(),
    "examples": shipped.examples(),
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
        kind: ``spaces``, ``strategies``, ``tasks``, ``baselines``, ``tuners``, ``assessors``,
            ``tables``, ``proxies``, ``predictors``, ``metrics``, ``losses``, ``studies`` or
            ``examples``; all of them by default.

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
    found = {name: Names(table) for name, table in KINDS.items() if kind in (None, name)}
    return found if kind is None else found[kind]
