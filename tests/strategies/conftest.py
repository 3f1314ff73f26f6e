"""Which part of the product of one-shot strategies and spaces the default run takes."""

from __future__ import annotations

from zlib import crc32

import pytest

from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import SMALL

QUICK = ("nas-bench-201", "mobilenet-skip", "nas-bench-macro")


def sample(suite: type[OneShotStrategySuite]) -> set[str]:
    """A user's own space, and a built-in one that differs between strategies.

    First-order DARTS, as a mixture, and SPOS, with single paths, take all.
    """
    if suite.__name__ in ("TestDarts", "TestSpos"):
        return set(SMALL)
    taken = [name for name in QUICK if name not in suite.refuses]
    return {OWN, taken[crc32(suite.__name__.encode()) % len(taken)]} if taken else {OWN}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        suite = getattr(item, "cls", None)
        if suite is None or not issubclass(suite, OneShotStrategySuite):
            continue
        given = item.callspec.params if hasattr(item, "callspec") else {}
        if "space" in given and given["space"] not in sample(suite):
            item.add_marker(pytest.mark.slow)
