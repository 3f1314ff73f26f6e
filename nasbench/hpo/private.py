"""A module of NNI's, copied for one tuner or assessor, so that its random draws can be seeded.

Some of NNI's modules draw from the global streams of ``random`` and ``numpy.random`` and make
new unseeded ones. A copy of the module has its own global names; there the two stand for seeded
streams, and the global state of the process is neither used nor changed.
"""

from __future__ import annotations

import importlib.util
import random
from types import ModuleType
from typing import Any, Self

import numpy as np


def private_module(name: str, seed: int) -> ModuleType:
    """Return a new copy of the module ``name`` whose random draws depend on ``seed`` alone."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(random=random.Random(seed), np=_Numpy(seed))
    return module


class _Stream(np.random.RandomState):
    """What ``numpy.random`` stands for: one stream, also where a new one is asked for."""

    def RandomState(self) -> Self:
        return self


class _Numpy:
    """numpy with a ``random`` of its own."""

    def __init__(self, seed: int) -> None:
        self.random = _Stream(seed % 2**32)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)
