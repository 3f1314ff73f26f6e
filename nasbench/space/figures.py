"""What is drawn of an architecture: the cells that its space draws, and its network."""

from __future__ import annotations

import random
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from nasbench.graph import Figure, Network
from nasbench.space.arch import Arch
from nasbench.space.blocks import Blocks
from nasbench.space.spec import DataSpec
from nasbench.space.trace import trace

if TYPE_CHECKING:
    from nasbench.space.search_space import SearchSpace


@dataclass(frozen=True)
class Figures:
    """Figures, and one line if the network is not among them, else ``""``."""

    parts: tuple[Figure, ...]
    note: str = ""


def figures(
    space: type[SearchSpace], arch: Arch, spec: DataSpec, arguments: Mapping[str, Any]
) -> Figures:
    """Return the cells of an architecture and its network, traced with one example.

    A network that the trace cannot run is left out; without cells, the decisions are drawn
    instead. The generators of random numbers are as before.

    Args:
        space: the class of networks.
        arch: the architecture.
        spec: the shape of the data.
        arguments: keyword arguments of the space.
    """
    cells = space.graphs(arch) if space.draws_cells() else ()
    title = "network" if cells else space.__name__
    try:
        with _undisturbed():
            network = _network(space, arch, spec, arguments, title)
    except Exception as error:  # noqa: BLE001  (a constructor or forward pass of the user's own)
        words = " ".join(str(error).split()) or type(error).__name__
        reason = textwrap.shorten(words, 160, placeholder=" …")
        return Figures(cells or space.graphs(arch), f"the network is not drawn: {reason}")
    return Figures((*cells, network))


def _network(
    space: type[SearchSpace],
    arch: Arch,
    spec: DataSpec,
    arguments: Mapping[str, Any],
    title: str,
) -> Network:
    try:
        with torch.device("meta"):
            network = space.freeze(arch, spec, **arguments)
        found = trace(network, spec)
    except Exception:  # noqa: BLE001  (code that reads values of tensors cannot run there)
        found = trace(space.freeze(arch, spec, **arguments), spec)
    if len(found.nodes) < 2:
        raise ValueError("its layers are not modules or functions of PyTorch")
    return Blocks(found, arch).network(title)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Restore the states of the global generators, and show no warning of the traced code."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (the users' own)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
