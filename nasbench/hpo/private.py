"""Private copies of NNI's modules, whose random draws are seeded.

Some of NNI's modules draw from the global generators of ``random`` and ``numpy.random``, and make
new unseeded ones. In a private copy both names refer to seeded generators, so that the copy
neither uses nor changes the global state.
"""

from __future__ import annotations

import importlib.util
import random
from types import ModuleType
from typing import Any, Self

import numpy as np


def private_module(name: str, seed: int) -> ModuleType:
    """Return a new copy of the module ``name`` whose random draws depend only on ``seed``."""
    module = copied_module(name)
    vars(module).update(random=random.Random(seed), np=_Numpy(seed))
    return module


def copied_module(name: str) -> ModuleType:
    """Return a new copy of the module ``name``, whose functions can be replaced."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Stream(np.random.RandomState):
    """Takes the place of ``numpy.random``: one generator, also if a new one is requested."""

    def RandomState(self) -> Self:
        return self


class _Numpy:
    """numpy with a private ``random``."""

    def __init__(self, seed: int) -> None:
        self.random = _Stream(seed % 2**32)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)
