"""The cost of each part of a network, and the memory of a forward pass."""

from __future__ import annotations

import statistics
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nasbench.cost.counting import Count
from nasbench.cost.latency import synchronize
from nasbench.cost.params import parameter_count
from nasbench.cost.probe import Input, evaluating, example

_WARMUP = 2  # passes that are not timed


@dataclass(frozen=True)
class Part:
    """A direct part of a network, such as a cell.

    Attributes:
        name: the name of the attribute, followed by the index if the part is in a list.
        kind: the name of its class.
        params: the number of its parameters.
        macs: multiply-adds for one image, without those of ``uncounted``.
        uncounted: the operations that cannot be counted.
        median_ms: median wall time of one pass of the batch, milliseconds.
        share: of the time of all parts, in [0, 1].
    """

    name: str
    kind: str
    params: int
    macs: int
    uncounted: tuple[str, ...]
    median_ms: float
    share: float


def parts(network: nn.Module, given: Input, batch: int = 1, runs: int = 30) -> list[Part]:
    """Return the parts that a forward pass uses, in the order of the network's attributes.

    The network is left as it was.

    Args:
        network: the network.
        given: the shape of its examples.
        batch: images per pass, at least 1.
        runs: timed passes, at least 1; two untimed passes precede them.
    """
    named = _named(network)
    macs = _macs(network, named, given)
    passes: list[dict[str, float]] = []
    started: dict[str, float] = {}
    images = example(network, given, batch)

    def start(name: str, module: nn.Module, inputs: Any) -> None:
        synchronize(images.device)
        started[name] = time.perf_counter()

    def end(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        synchronize(images.device)
        seconds = time.perf_counter() - started[name]
        passes[-1][name] = passes[-1].get(name, 0.0) + seconds  # it may be called several times

    with evaluating(network), _hooked(named, start, end):
        for _ in range(_WARMUP + runs):
            passes.append({})
            network(images)
    timed = passes[_WARMUP:]
    medians = {
        name: 1e3 * statistics.median(one.get(name, 0.0) for one in timed)
        for name in named
        if any(name in one for one in timed)
    }
    whole = sum(medians.values()) or 1.0
    return [
        Part(
            name,
            type(named[name]).__name__,
            parameter_count(named[name]),
            *macs[name],
            median,
            median / whole,
        )
        for name, median in medians.items()
    ]


def _named(network: nn.Module) -> dict[str, nn.Module]:
    """Return the direct parts, and those in lists; a shared part has its first name."""
    named: dict[str, nn.Module] = {}
    for name, child in network.named_children():
        if type(child) in (nn.ModuleList, nn.Sequential, nn.ModuleDict):
            named |= {f"{name}.{place}": inner for place, inner in child.named_children()}
        else:
            named[name] = child
    first = {id(part): name for name, part in reversed(named.items())}
    return {name: part for name, part in named.items() if first[id(part)] == name}


@contextmanager
def _hooked(
    named: Mapping[str, nn.Module], start: Callable[..., None], end: Callable[..., None]
) -> Iterator[None]:
    """Call ``start(name, part, inputs)`` and ``end(name, part, inputs, output)`` around parts."""
    handles = [part.register_forward_pre_hook(partial(start, n)) for n, part in named.items()]
    handles += [part.register_forward_hook(partial(end, n)) for n, part in named.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _macs(
    network: nn.Module, named: Mapping[str, nn.Module], given: Input
) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return the multiply-adds of each part for one image, and what is not counted."""
    found: dict[str, int] = dict.fromkeys(named, 0)
    skipped: dict[str, list[str]] = {name: [] for name in named}
    before: dict[str, tuple[int, int]] = {}
    count = Count()

    def start(name: str, module: nn.Module, inputs: Any) -> None:
        before[name] = count.total, len(count.skipped)

    def end(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        macs, places = before[name]
        found[name] += count.total - macs
        skipped[name] += count.skipped[places:]

    with count.running(network), _hooked(named, start, end):
        network(example(network, given, 1))
    return {name: (found[name], tuple(dict.fromkeys(skipped[name]))) for name in named}


def peak_memory(module: nn.Module, given: Input, batch: int = 1) -> int:
    """Return the bytes of the weights and of the features alive at once, in evaluation mode.

    The storages of tensors are counted as they are created and freed, on any device; the
    allocator's rounding and the workspaces of kernels are not included. The module is left as it
    was.

    Args:
        module: the network.
        given: the shape of its examples.
        batch: images per pass, at least 1.
    """
    images = example(module, given, batch)
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    weights = sum(t.untyped_storage().nbytes() for t in tensors.values())
    counted = _Alive(known=set(tensors))
    with evaluating(module), counted:
        module(images)
    return weights + images.untyped_storage().nbytes() + counted.peak


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of storages that operations create, until their last tensor is freed."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = known
        self.tensors: Counter[int] = Counter()
        self.sizes: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count the storages that it created."""
        made = func(*args, **(kwargs or {}))
        given = {t.data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(made):
            if not isinstance(tensor, Tensor):
                continue
            place = tensor.untyped_storage().data_ptr()
            if place in self.known or (place in given and place not in self.sizes):
                continue
            self.tensors[place] += 1
            self.sizes[place] = tensor.untyped_storage().nbytes()
            weakref.finalize(tensor, self._freed, place)
        self.peak = max(self.peak, sum(self.sizes.values()))
        return made

    def _freed(self, place: int) -> None:
        self.tensors[place] -= 1
        if not self.tensors[place]:
            del self.sizes[place], self.tensors[place]
