"""The cost of each part of a network."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nasbench.cost.latency import synchronize
from nasbench.cost.params import parameter_count
from nasbench.cost.probe import evaluating, example


@dataclass(frozen=True)
class Part:
    """A cell or any other direct child of a network.

    Attributes:
        name: its attribute, with its index if it is in a list.
        kind: its class.
        params: its parameters.
        macs: multiply-adds for one image.
        median_ms: wall time of one pass of the batch, the median over the runs.
        share: of the time of all parts, in [0, 1].
    """

    name: str
    kind: str
    params: int
    macs: int
    median_ms: float
    share: float


def parts(
    network: nn.Module, input_shape: tuple[int, int, int], batch: int = 1, runs: int = 30
) -> list[Part]:
    """Return the parts that a forward pass uses, in order. The network is unchanged.

    Args:
        network: the network to profile.
        input_shape: ``(channels, height, width)``.
        batch: images in a pass.
        runs: timed passes, after two warm-up passes.
    """
    named = dict(_standing(network))
    macs = _macs(network, named, input_shape)
    times: dict[str, list[float]] = defaultdict(list)
    begun: dict[str, float] = {}
    images = example(network, input_shape, batch)

    def begin(name: str, module: nn.Module, inputs: tuple[Tensor]) -> None:
        synchronize(inputs[0].device)
        begun[name] = time.perf_counter()

    def end(name: str, module: nn.Module, inputs: tuple[Tensor], output: Any) -> None:
        synchronize(inputs[0].device)
        times[name].append(time.perf_counter() - begun[name])

    with _hooked(named, begin, end), evaluating(network):
        for _ in range(2 + runs):
            network(images)
    medians = {name: 1e3 * statistics.median(found[2:]) for name, found in times.items()}
    whole = sum(medians.values())
    return [
        Part(
            name,
            type(part).__name__,
            parameter_count(part),
            macs[name],
            medians[name],
            medians[name] / whole,
        )
        for name, part in named.items()
        if name in medians
    ]


def _standing(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules directly in a network, and those directly in its lists."""
    for name, child in network.named_children():
        if type(child) in (nn.ModuleList, nn.Sequential, nn.ModuleDict):
            yield from ((f"{name}.{place}", inner) for place, inner in child.named_children())
        else:
            yield name, child


def _macs(
    network: nn.Module, named: dict[str, nn.Module], shape: tuple[int, int, int]
) -> dict[str, int]:
    """Return the multiply-adds of each part for one image."""
    counted: dict[str, int] = dict.fromkeys(named, 0)
    counter = FlopCounterMode(display=False)
    before: dict[str, int] = {}

    def begin(name: str, module: nn.Module, inputs: Any) -> None:
        before[name] = counter.get_total_flops()

    def end(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        counted[name] += (counter.get_total_flops() - before[name]) // 2

    with _hooked(named, begin, end), evaluating(network), counter:
        network(example(network, shape, 1))
    return counted


@contextmanager
def _hooked(
    named: dict[str, nn.Module], begin: Callable[..., None], end: Callable[..., None]
) -> Iterator[None]:
    """Call ``begin`` and ``end``, with the part's name first, around each part's forward pass."""
    handles = [part.register_forward_pre_hook(partial(begin, n)) for n, part in named.items()]
    handles += [part.register_forward_hook(partial(end, n)) for n, part in named.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
