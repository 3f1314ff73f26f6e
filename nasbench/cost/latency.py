"""Measured latency of a forward pass."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from nasbench.cost.probe import Input, evaluating, example
from nasbench.provenance import cpu_model


@dataclass(frozen=True)
class Latency:
    """Wall time of one forward pass of one batch.

    Attributes:
        median_ms: median over the runs, milliseconds.
        p10_ms: tenth percentile.
        p90_ms: ninetieth percentile.
        runs: timed passes.
        device: the device, for example ``"NVIDIA H200"``; a CPU with its thread count.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    runs: int
    device: str


def measure_latency(
    module: nn.Module,
    given: Input,
    batch: int = 1,
    runs: int = 30,
    warmup: int = 5,
) -> Latency:
    """Time forward passes in evaluation mode on the module's device.

    The module is unchanged.

    Args:
        module: the network.
        given: the shape of its examples.
        batch: examples per pass, at least 1.
        runs: timed passes, at least 1.
        warmup: passes before them, which are not timed.

    Raises:
        ValueError: ``batch`` or ``runs`` is below 1.
    """
    if batch < 1 or runs < 1:
        raise ValueError(f"batch {batch} and runs {runs} must be at least 1")
    images = example(module, given, batch)
    with evaluating(module):
        times = []
        for _ in range(warmup + runs):
            synchronize(images.device)
            start = time.perf_counter()
            module(images)
            synchronize(images.device)  # a GPU returns before it is done
            times.append(time.perf_counter() - start)
    percentiles = 1e3 * np.percentile(times[warmup:], [10, 50, 90])
    p10, median, p90 = (float(value) for value in percentiles)
    return Latency(median, p10, p90, runs, device_name(images.device))


def device_name(device: torch.device) -> str:
    """Return a device's name for reports; for a CPU, its model and the number of threads."""
    if device.type in ("cuda", "xpu"):
        name: str = torch.get_device_module(device).get_device_name(device)
        return name
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"{cpu_model()} ({threads} thread{'s' if threads > 1 else ''})"
    return str(device)


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its queued work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
