"""Baselines: known sizes, small images, bad arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench import catalog
from nasbench.config import HpoConfig
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.engine.model import Model
from nasbench.engine.problem import Problem, load_task
from nasbench.errors import UserError
from nasbench.space import Arch, DataSpec

CIFAR = DataSpec(3, 32, 32, 10)
SPECS = [CIFAR, DataSpec(1, 28, 28, 10), DataSpec(1, 8, 8, 10)]
LARGE = ("resnet50", "resnext50_32x4d", "densenet121", "vgg16", "vgg16_bn")

# torchvision's own numbers of parameters, of its networks for 1,000 classes.
PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "resnext50_32x4d": 25_028_904,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "densenet121": 7_978_856,
    "squeezenet1_1": 1_235_496,
    "shufflenet_v2_x1_0": 2_278_604,
    "mobilenet_v2": 3_504_872,
    "mnasnet1_0": 4_383_312,
}
LAST = {  # inputs of the layer that tells the classes
    "resnet18": 512,
    "resnet50": 2048,
    "resnext50_32x4d": 2048,
    "densenet121": 1024,
    "squeezenet1_1": 512,
    "shufflenet_v2_x1_0": 1024,
    "mobilenet_v2": 1280,
    "mnasnet1_0": 1280,
}
LARGE_STEM = ("resnet18", "resnet50", "resnext50_32x4d", "densenet121")  # 7x7 where ours is 3x3


def build(name: str, spec: DataSpec = CIFAR, **arguments) -> nn.Module:
    return catalog.resolve("baseline", name).freeze(Arch({}), spec, **arguments)


def count(name: str, **arguments) -> int:
    with torch.device("meta"):
        return parameter_count(build(name, **arguments))


@pytest.mark.parametrize("name", LAST)
def test_parameters_are_torchvisions_less_what_is_replaced(name):
    stem = 3 * 64 * (7 * 7 - 3 * 3) if name in LARGE_STEM else 0
    classes = (1000 - 10) * (LAST[name] + 1)
    assert count(name) == PUBLISHED[name] - stem - classes


@pytest.mark.parametrize("name", ["vgg16", "vgg16_bn"])
def test_vgg_has_torchvisions_convolutions_and_a_smaller_head(name):
    theirs = (25_088 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    for hidden in (512, 64):
        ours = (512 + 1) * hidden + (hidden + 1) * 10
        assert count(name, hidden_size=hidden) == PUBLISHED[name] - theirs + ours


@pytest.mark.parametrize(
    ("name", "params"),
    [
        # As in https://github.com/kuangliu/pytorch-cifar, which many results come from.
        ("resnet18", 11_173_962),
        ("resnet50", 23_520_842),
        ("shufflenet_v2_x1_0", 1_263_854),
        ("densenet121", 6_956_298 + 128),  # torchvision has one BN more, behind the stem
    ],
)
def test_parameters_of_the_networks_for_cifar_that_others_train(name, params):
    assert count(name) == params


def test_parameters_of_the_small_network():
    first, second = 16 * (9 + 2), 32 * (16 * 9 + 2)
    assert count("small-cnn") == first * 1 + 16 * 9 * 2 + second + (32 * 64 + 1) * 128 + 129 * 10
    arguments = {"width": 4, "kernel_size": 5, "hidden_size": 8}
    layers = 4 * (3 * 25 + 2) + 8 * (4 * 25 + 2) + (8 * 64 + 1) * 8 + 9 * 10
    assert count("small-cnn", **arguments) == layers


def test_resnet18_keeps_the_size_of_small_images():
    """Its stages see 32, 16, 8 and 4 pixels a side."""
    stem, blocks = 3 * 64 * 9 * 32**2, 4 * 64 * 64 * 9 * 32**2
    stage = 64 * 128 * 9 * 16**2 + 3 * 128 * 128 * 9 * 16**2 + 64 * 128 * 16**2
    assert multiply_adds(build("resnet18"), CIFAR.shape) == stem + blocks + 3 * stage + 5120


@pytest.mark.parametrize(
    ("name", "last", "side"),
    [
        ("densenet121", "features", 4),
        ("squeezenet1_1", "features", 4),
        ("shufflenet_v2_x1_0", "conv5", 4),
        ("mobilenet_v2", "features", 4),
        ("mnasnet1_0", "layers", 2),
        ("resnext50_32x4d", "layer4", 4),
    ],
)
def test_small_images_are_not_halved_to_nothing(name, last, side):
    sizes = []
    with torch.device("meta"):
        network = build(name).eval()
        layer = network.network.get_submodule(last)
        layer.register_forward_hook(lambda module, given, out: sizes.append(out.shape[-2:]))
        network(torch.empty(1, *CIFAR.shape))
    assert sizes == [(side, side)]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: "x".join(map(str, spec.shape)))
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in catalog.BASELINES],
)
def test_it_trains_on_small_images_of_any_kind(name, spec):
    arguments = {"width": 0.25} if name == "mobilenet-v1" else {}
    network = build(name, spec, **arguments)
    if network.channels_last:
        network = network.to(memory_format=torch.channels_last)
    images = torch.randn(4, *spec.shape, generator=torch.Generator().manual_seed(1))
    logits = network(images)
    assert logits.shape == (4, spec.classes)
    nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    for label, parameter in network.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.isfinite().all(), label
    assert any(parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    with torch.no_grad():
        assert network.eval()(images[:1]).isfinite().all()


def test_the_logits_of_squeezenet_may_be_negative():
    """A ReLU behind the last layer, as torchvision has it, would leave no gradient there."""
    network = build("squeezenet1_1", SPECS[2]).eval()
    images = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert (network(images) < 0).any()


@pytest.mark.parametrize("name", catalog.BASELINES)
def test_its_dropout_can_be_tuned(name):
    with torch.device("meta"):
        network = build(name, dropout_rate=0.375)
    rates = [module.p for module in network.modules() if isinstance(module, nn.Dropout)]
    assert rates == [0.375]


@pytest.mark.parametrize("name", catalog.BASELINES)
def test_it_is_complete(name):
    task = load_task(HpoConfig(), "digits")
    assert len(Problem.of(task, catalog.resolve("space", name), {}).domains) == 0
    Model.of(name, {}).check(task)


@pytest.mark.parametrize("rate", [1.0, -0.25, float("nan")])
@pytest.mark.parametrize("name", catalog.BASELINES)
def test_a_rate_that_is_none(name, rate):
    with torch.device("meta"), pytest.raises(ValueError, match="dropout_rate") as error:
        build(name, dropout_rate=rate)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("vgg16", {"hidden_size": 0}, "space Vgg16: hidden_size=0: must be at least 1"),
        ("small-cnn", {"kernel_size": 4}, "space SmallCnn: kernel_size=4: must be odd and at"),
        ("small-cnn", {"kernel_size": -1}, "space SmallCnn: kernel_size=-1: must be odd and at"),
        (
            "small-cnn",
            {"width": 0},
            "space SmallCnn: width=0, hidden_size=128: must be at least 1",
        ),
        ("resnet18", {"dropout_rate": 1.5}, "space ResNet18: dropout_rate=1.5: must be in [0, 1)"),
        ("mobilenet-v1", {"width": 0.0}, "space MobileNetV1: "),
    ],
)
def test_arguments_that_do_not_fit(name, arguments, line):
    task = load_task(HpoConfig(), "digits")
    with pytest.raises(UserError) as error:
        Model.of(name, arguments).check(task)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_images_that_are_too_small():
    with pytest.raises(ValueError, match="images of 3x9: must be at least 4x4"):
        build("small-cnn", DataSpec(1, 3, 9, 10))
