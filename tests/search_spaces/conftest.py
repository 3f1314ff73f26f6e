"""Helpers of the tests of search spaces."""

from __future__ import annotations

import torch
from torch import nn

from nasbench.space import Arch, DataSpec

CIFAR = DataSpec(3, 32, 32, 10)


def images(spec, batch=4):
    return torch.randn(batch, *spec.shape, generator=torch.Generator().manual_seed(1))


def count(network):
    return sum(p.numel() for p in network.parameters())


def full_network(space, choices, device="meta"):
    """The frozen network for CIFAR-10; counting multiply-adds is faster on the CPU."""
    with torch.device(device):
        return space.freeze(Arch(choices), CIFAR)


def check_gradients(network, spec):
    """Every parameter takes part: it gets a gradient, and that is finite."""
    logits = network(images(spec))
    assert logits.shape == (4, spec.classes)
    nn.functional.cross_entropy(logits, torch.arange(4) % spec.classes).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
