"""What every space owes: networks that train, and a supernet that holds each of them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from nasbench.space import Arch, Choice, DataSpec, InputChoice, LayerChoice, Repeat
from nasbench.supernet.mixture import Mixture

CIFAR = DataSpec(3, 32, 32, 10)
SPECS = [CIFAR, DataSpec(1, 28, 28, 10), DataSpec(1, 8, 8, 10)]


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


def check_random_networks(space, spec, n=3, **arguments):
    """Random architectures train, and hold one candidate per decision."""
    domains = space.describe(spec, **arguments)
    rng = np.random.default_rng(7)
    for _ in range(n):
        network = space.freeze(domains.sample(rng), spec, **arguments)
        check_gradients(network, spec)
        choices = [m for m in network.modules() if isinstance(m, LayerChoice)]
        assert all(len(choice.candidates) == 1 for choice in choices)


def check_mixture(space, spec, **arguments):
    """The supernet of all candidates trains, weights and architecture parameters alike."""
    domains = space.describe(spec, **arguments)
    supernet = Mixture(space.supernet(spec, **arguments), domains)
    assert set(supernet.labels) == set(domains)
    check_gradients(supernet, spec)
    assert all(alpha.grad.abs().sum() > 0 for alpha in supernet.alphas)
    assert domains.arch(supernet.discretize())


class Path:
    """The relaxation that follows one architecture through the supernet."""

    def __init__(self, arch: Arch) -> None:
        self.arch = arch

    def layer(self, choice, inputs):
        return choice.candidates[self.arch[choice.label]](*inputs)

    def input(self, choice: InputChoice, candidates):
        return choice.reduce([choice.edge(i, candidates[i]) for i in self.arch[choice.label]])

    def repeat(self, choice: Repeat, x):
        for block in choice.blocks[: self.arch[choice.label]]:
            x = block(x)
        return x


def check_path(space, spec, **arguments):
    """The frozen network computes what the supernet does along the same architecture."""
    domains = space.describe(spec, **arguments)
    supernet = space.supernet(spec, **arguments).eval()
    rng = np.random.default_rng(3)
    for _ in range(3):
        arch = domains.sample(rng)
        for choice in supernet.modules():
            if isinstance(choice, Choice):
                choice.relax(Path(arch))
        frozen = space.freeze(arch, spec, **arguments).eval()
        weights = supernet.state_dict()
        frozen.load_state_dict({k: weights.get(k, v) for k, v in frozen.state_dict().items()})
        x = images(spec)
        torch.testing.assert_close(frozen(x), supernet(x))
