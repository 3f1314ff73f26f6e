"""Rank aggregation: proxies that rank a set of networks together.

Lee and Ham, "AZ-NAS", CVPR 2024, section 3.3. Each term ranks the networks, 1 the worst and N the
best, ties at the mean of their ranks. The value of a network is ``sum over terms of
log(rank / N)``, at most 0, and so it ranks high if no term ranks it low. It is a property of the
network among the others: a single network has none, and other networks change it.

``az-nas+naswot+params`` aggregates three terms. A term is a proxy or an aggregate by name, which
counts as one ranking like the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError

Floats = npt.NDArray[np.float64]

AZ_NAS = ("expressivity", "progressivity", "trainability", "macs")
"""Lee and Ham, "AZ-NAS", CVPR 2024: expressivity, progressivity, trainability, complexity."""

VKDNW_AGG = ("vkdnw-single", "jacov", "expressivity", "trainability", "macs")
"""Tybl and Neumann, "VKDNW", CVPR 2025, section 5."""

AGGREGATES: Mapping[str, tuple[str, ...]] = {"az-nas": AZ_NAS, "vkdnw-agg": VKDNW_AGG}


def terms(name: str) -> tuple[str, ...]:
    """Return the terms that ``name`` aggregates, each once; of a proxy, the proxy itself.

    Raises:
        UserError: a term is empty.
    """
    if name in AGGREGATES:
        return AGGREGATES[name]
    found = tuple(dict.fromkeys(term.strip() for term in name.split("+")))
    if "" in found and len(found) > 1:
        raise UserError(f"proxy {name!r}: must name a proxy on both sides of every plus sign")
    return found


def aggregates(name: str) -> bool:
    """Return whether ``name`` ranks a set of networks, and so has no score of a single one."""
    return terms(name) != (name,)


def members(names: Iterable[str]) -> list[str]:
    """Return the proxies whose scores all of ``names`` need, each once."""
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(members(terms(name)) if aggregates(name) else (name,)))
    return list(found)


def values(name: str, scores: Mapping[str, Floats]) -> Floats:
    """Return a proxy's scores, or the values of an aggregate, shape ``(networks,)``.

    Args:
        name: a proxy, an aggregate, or terms with plus signs between them.
        scores: each member's scores of all networks, shape ``(networks,)``; -inf ranks last.
    """
    if not aggregates(name):
        return scores[name]
    shares = [ranks(values(term, scores)) for term in terms(name)]
    found: Floats = np.log(np.array(shares) / len(shares[0])).sum(axis=0)
    return found


def ranks(column: Floats) -> Floats:
    """Return the rank of every value, 1 for the smallest; ties share their mean."""
    _, group, sizes = np.unique(column, return_inverse=True, return_counts=True)
    found: Floats = (sizes.cumsum() - (sizes - 1) / 2)[group]
    return found
