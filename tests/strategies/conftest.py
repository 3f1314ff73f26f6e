"""Which part of the product of one-shot strategies and spaces is tested, and what by default."""

from __future__ import annotations

from zlib import crc32

import pytest

from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import SMALL

SLICES = "nasbench.testing.supernets:Slices"
CELLS = ("darts", "nas-bench-201")
CHAINS = ("mobilenet-skip", "nas-bench-macro", "gait-ops")
QUICK = ("nas-bench-201", "mobilenet-skip")
MIXED = (SLICES, *CELLS, "gait-ops")
# One of each kind: sampled mixtures, partial channels, stages, a controller, pairs of paths.
KINDS = ("TestGdas", "TestStagedDrnas", "TestPcDarts", "TestPDarts", "TestEnas", "TestProxyless")


def one_of(suite: type[OneShotStrategySuite], spaces: tuple[str, ...]) -> set[str]:
    """A space that differs between strategies, or none if the strategy refuses them all."""
    taken = [name for name in spaces if name not in suite.refuses]
    return {taken[crc32(suite.__name__.encode()) % len(taken)]} if taken else set()


def quick(suite: type[OneShotStrategySuite]) -> set[str]:
    """The spaces of the default run: a user's own, and a built-in one for some strategies.

    The two that stand for their kind take all spaces between them but the largest.
    """
    if suite.__name__ == "TestDarts":
        return {OWN, *MIXED}
    if suite.__name__ == "TestSpos":
        return {OWN, SLICES, *SMALL} - {*CELLS, "gait-ops", "mobilenet-ops"}
    return {OWN} | (one_of(suite, QUICK) if suite.__name__ in KINDS else set())


def takes_all(suite: type[OneShotStrategySuite]) -> bool:
    """Whether the strategy stands for its kind: as a mixture, or with single paths."""
    return suite.__name__ in ("TestDarts", "TestSpos")


def sample(suite: type[OneShotStrategySuite]) -> set[str]:
    """Each kind of space: cells, chains of layers, layers that slice, and a user's own.

    Both kinds of strategies take all spaces: see :func:`takes_all`. A strategy knows a space by
    its choices alone, so that two spaces of one kind run the same lines of the other strategies.
    Only those two take ``mobilenet-ops``, the largest; ``gait-ops`` has its separable and inverted
    layers and shortcuts as well.
    """
    if takes_all(suite):
        return set(SMALL)
    found = quick(suite) | {SLICES}
    for kind in (CELLS, CHAINS):
        found |= set() if found & set(kind) else one_of(suite, kind)
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out: set[pytest.Item] = set()
    for item in items:
        suite = getattr(item, "cls", None)
        if suite is None or not issubclass(suite, OneShotStrategySuite):
            continue
        given = item.callspec.params if hasattr(item, "callspec") else {}
        if "space" not in given or given["space"] in quick(suite):
            continue
        item.add_marker(pytest.mark.slow)
        if given["space"] not in sample(suite):
            left_out.add(item)
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
