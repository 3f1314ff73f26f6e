"""The space of once-for-all: its size, and its networks against torchvision's MobileNetV3."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.nn.elastic import Elastic
from nasbench.space import DataSpec
from search_spaces.mobilenet_v3 import STAGES, MobileNetV3

IMAGENET = DataSpec(3, 224, 224, 1000)
OFA = {"widths": False, "halvings": 5}  # the space of the paper


def extreme(pick):
    """Return the architecture with ``pick`` of the options of every decision."""
    domains = MobileNetV3.describe(IMAGENET, **OFA)
    return domains.decide(lambda domain: pick(domain.options))


def torchvisions(arch):
    """Return torchvision's network of the same settings, and ours."""
    tv = pytest.importorskip("torchvision.models.mobilenetv3")
    settings = [tv.InvertedResidualConfig(16, 3, 16, 16, False, "RE", 1, 1, 1)]
    c = 16
    for number, (channels, stride, squeezes, swish) in enumerate(STAGES, 1):
        for index in range(arch[f"s{number}_depth"]):
            label = f"s{number}_i{index}"
            settings.append(
                tv.InvertedResidualConfig(
                    *(c, arch[f"{label}_kernel"], c * arch[f"{label}_expansion"], channels),
                    *(squeezes, "HS" if swish else "RE", stride if index == 0 else 1, 1, 1),
                )
            )
            c = channels
    theirs = tv.MobileNetV3(settings, last_channel=1280)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-5  # of once-for-all
    return theirs, MobileNetV3.freeze(arch, IMAGENET, **OFA)


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_the_space_is_that_of_the_paper():
    assert MobileNetV3.describe(IMAGENET, **OFA).size == (9**2 + 9**3 + 9**4) ** 5
    with_widths = MobileNetV3.describe(IMAGENET, halvings=5)
    assert with_widths.size == (3 * (9**2 + 9**3 + 9**4)) ** 5


@pytest.mark.parametrize("which", ["largest", "smallest", 1, 2])
def test_networks_have_torchvisions_parameters(which):
    picks = {"largest": max, "smallest": min}
    if which in picks:
        arch = extreme(picks[which])
    else:
        domains = MobileNetV3.describe(IMAGENET, **OFA)
        arch = domains.sample(np.random.default_rng(which))
    with torch.device("meta"):
        theirs, ours = torchvisions(arch)
    # The layer of 1280 features has no bias, as in the code of once-for-all.
    assert count(ours) == count(theirs) - 1280
    shapes = [p.shape for name, p in theirs.named_parameters() if name != "classifier.0.bias"]
    assert [p.numel() for p in ours.parameters()] == [shape.numel() for shape in shapes]


def test_a_network_computes_what_torchvisions_does():
    arch = extreme(min)
    torch.manual_seed(0)
    theirs, ours = torchvisions(arch)
    rows = [p for name, p in theirs.named_parameters() if name != "classifier.0.bias"]
    with torch.no_grad():
        theirs.classifier[0].bias.zero_()
        for one, other in zip(ours.parameters(), rows, strict=True):
            one.copy_(other.reshape(one.shape))
        x = torch.randn(2, 3, 96, 96)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-4, atol=1e-5)


def test_halvings_leave_the_last_ones():
    domains = MobileNetV3.describe(DataSpec(3, 32, 32, 10), width=0.125)
    arch = domains.sample(np.random.default_rng(0))
    for halvings in range(6):
        spec = DataSpec(3, 64, 64, 10)
        network = MobileNetV3.freeze(arch, spec, width=0.125, halvings=halvings).eval()
        with torch.no_grad():
            found = network.stages(network.stem(torch.zeros(1, 3, 64, 64)))
        assert found.shape[2:] == (64 >> halvings, 64 >> halvings)


def test_decisions_do_not_depend_on_the_width():
    spec = DataSpec(3, 32, 32, 10)
    assert dict(MobileNetV3.describe(spec, width=0.25)) == dict(MobileNetV3.describe(spec))
    arch = MobileNetV3.describe(spec).decide(
        lambda domain: 0.5 if domain.label.endswith("_width") else min(domain.options)
    )
    network = MobileNetV3.freeze(arch, spec, width=0.5)
    # The multiples of 8 nearest to a quarter of 24, 40, 80, 112 and 160 channels.
    found = [stage.blocks[-1].layers[-1].num_features for stage in network.stages]
    assert found == [8, 8, 24, 32, 40]
    assert [len(stage.blocks) for stage in network.stages] == [2] * 5


def test_a_supernet_has_the_weights_of_its_largest_network():
    arguments = {"width": 0.25, "kernel_transform": True}
    spec = DataSpec(1, 8, 8, 10)
    domains = MobileNetV3.describe(spec, **arguments)
    largest = domains.decide(lambda domain: max(domain.options))
    network = MobileNetV3.supernet(spec, **arguments)
    transforms = sum(p.numel() for name, p in network.named_parameters() if ".transforms." in name)
    assert transforms == 20 * (25**2 + 9**2)  # per block, from 7 to 5 and from 5 to 3
    alone = MobileNetV3.freeze(largest, spec, **arguments)
    assert count(network) - transforms == count(alone)
    assert not any(isinstance(module, Elastic) for module in alone.modules())
