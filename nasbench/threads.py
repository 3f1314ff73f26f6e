"""How the threads inside torch's operations wait for each other."""

from __future__ import annotations

import os
import sys

POLICY = "OMP_WAIT_POLICY"
_WAYS = (POLICY, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def sleep_while_waiting() -> None:
    """Let waiting threads sleep instead of spin, unless the user's environment says how they wait.

    By default, threads of OpenMP spin for milliseconds after each operation. A supernet has
    thousands of small ones, so threads that spin take the cores from those that compute as soon as
    anything else runs on the machine. The environment is read when torch is imported; afterwards
    this does nothing.
    """
    if "torch" not in sys.modules and not any(way in os.environ for way in _WAYS):
        os.environ[POLICY] = "PASSIVE"
