"""How the threads inside torch's operations wait for each other."""

from __future__ import annotations

import os
import sys

SPINS = "GOMP_SPINCOUNT"
BRIEFLY = "20000"
"""Looks at a flag, for some tens of microseconds: the pause between two small operations."""
_WAYS = (SPINS, "OMP_WAIT_POLICY", "KMP_BLOCKTIME")


def spin_briefly() -> None:
    """Let waiting threads sleep soon, unless the user's environment says how they wait.

    By default, threads of GNU's OpenMP look 300,000 times, about a millisecond, whether there is
    work before they sleep. Beside other work on the machine they take the cores from the threads
    they wait for. The environment is read when torch is imported; afterwards this does nothing.
    """
    if "torch" not in sys.modules and not any(way in os.environ for way in _WAYS):
        os.environ[SPINS] = BRIEFLY
