"""Numbers too small for the processor's fast path, taken as zero while a network is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed() -> Iterator[None]:
    """Take denormal numbers (below 1.2e-38 in float32) as zero on the CPU inside.

    Adam's averages and the decayed weights of dead units shrink until they are denormal, and
    then each operation on one costs as much as some hundred others: a training slows down more
    the longer it runs. Threads that are started inside do the same; those that torch started
    before, and processors that cannot do it, do as ever. Outside all is as it was.
    """
    before = _flushing()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _flushing() -> bool:
    """Return whether this thread takes denormal numbers as zero already."""
    return not torch.tensor(1e-39).mul(1.0).item()
