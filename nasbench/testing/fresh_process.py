"""A separate Python interpreter for tests that results do not depend on the process."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any, TypeVar

import torch

HASH_SEED = "4711"  # differs from that of this process unless it was set to the same value
TIMEOUT = 300  # seconds

T = TypeVar("T")


def in_fresh_process(function: Callable[..., T], *args: Any) -> T:
    """Return ``function(*args)``, computed in another interpreter with another hash seed.

    The interpreter is spawned once, with as many threads as this process, and computes the calls
    of all suites one after another.

    Args:
        function: a function at the top level of an importable module.
        *args: its arguments, which must be picklable.
    """
    call = pickle.dumps((function, args))
    job = _interpreter().submit(_call, list(sys.path), torch.get_num_threads(), call)
    result: T = job.result(timeout=TIMEOUT)
    return result


@cache
def _interpreter() -> ProcessPoolExecutor:
    """Return the only worker process, which has started."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = HASH_SEED
    try:
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        pool.submit(os.getpid).result(timeout=TIMEOUT)
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before
    return pool


def _call(path: list[str], threads: int, call: bytes) -> Any:
    sys.path[:] = path  # before the function's module is imported
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=False)
    function, args = pickle.loads(call)
    return function(*args)
