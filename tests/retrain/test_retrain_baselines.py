"""Baselines: known sizes, small images, bad arguments."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn
from torchvision import models

from nasbench import catalog
from nasbench.config import HpoConfig
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.engine.checkpoints import Architecture, open_model
from nasbench.engine.problem import Problem, load_task
from nasbench.errors import UserError
from nasbench.space import Arch, DataSpec
from retrain.baselines.dpn import DualPath
from retrain.baselines.shufflenet import Shuffled

CIFAR = DataSpec(3, 32, 32, 10)
SPECS = [CIFAR, DataSpec(1, 28, 28, 10), DataSpec(1, 8, 8, 10)]

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


def count(name: str, spec: DataSpec = CIFAR, **arguments) -> int:
    with torch.device("meta"):
        return parameter_count(build(name, spec, **arguments))


@pytest.mark.parametrize("name", LAST)
def test_parameters_are_torchvisions_less_what_is_replaced(name):
    stem = 3 * 64 * (7 * 7 - 3 * 3) if name in LARGE_STEM else 0
    classes = (1000 - 10) * (LAST[name] + 1)
    assert count(name) == PUBLISHED[name] - stem - classes


@pytest.mark.parametrize("name", [*LAST, "googlenet"])
def test_with_the_stem_for_large_images_only_the_last_layer_is_replaced(name):
    inputs, published = LAST.get(name, 1024), PUBLISHED.get(name, 6_624_904)
    assert count(name, stem="imagenet") == published - (1000 - 10) * (inputs + 1)
    assert count(name, DataSpec(1, 28, 28, 10), stem="imagenet") < count(name, stem="imagenet")


def test_the_stem_for_large_images_computes_what_torchvision_computes():
    torch.manual_seed(0)
    ours, theirs = build("resnet18", stem="imagenet"), models.resnet18(num_classes=10)
    ours.network.load_state_dict(
        {key.replace("fc.", "fc.1."): value for key, value in theirs.state_dict().items()}
    )
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
    # torchvision publishes 1.814 billion multiply-adds of 224x224 images in 1,000 classes.
    large = DataSpec(3, 224, 224, 1000)
    assert multiply_adds(build("resnet18", large, stem="imagenet"), large.shape) == 1_814_073_344


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
        ("vgg", 14_728_266),
        ("googlenet", 6_166_250 - 7_904),  # theirs has biases, which BN takes away again
        ("dpn92", 34_236_634),
        ("shufflenetg2", 887_582),
        ("senet18", 11_260_354),
        ("mobilenet", 3_217_226),
    ],
)
def test_parameters_of_the_networks_for_cifar_that_others_train(name, params):
    assert count(name) == params


def conv_bn(c_in: int, c_out: int, kernel: int = 1, groups: int = 1) -> int:
    """Parameters of a convolution without bias and of its BN."""
    return c_in // groups * c_out * kernel**2 + 2 * c_out


def test_vgg_is_its_plan():
    plan = [3, 64, 64, 128, 128, *[256] * 3, *[512] * 6]
    bias = sum(plan[1:])
    layers = sum(conv_bn(a, b, 3) for a, b in pairwise(plan))
    assert count("vgg") == layers + bias + 513 * 10


def test_googlenet_is_its_table():
    """Table 1 of the paper: outputs of the branches, and of what reduces in front of them."""
    table = [  # in, 1x1, reduces to, 3x3, reduces to, 5x5, pooled
        (192, 64, 96, 128, 16, 32, 32),
        (256, 128, 128, 192, 32, 96, 64),
        (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64),
        (512, 128, 128, 256, 24, 64, 64),
        (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128),
        (832, 256, 160, 320, 32, 128, 128),
        (832, 384, 192, 384, 48, 128, 128),
    ]
    total = conv_bn(3, 192, 3) + 1025 * 10
    for c, one, to3, three, to5, five, pooled in table:
        total += conv_bn(c, one) + conv_bn(c, pooled)
        total += conv_bn(c, to3) + conv_bn(to3, three, 3)
        total += conv_bn(c, to5) + conv_bn(to5, five, 3) + conv_bn(five, five, 3)
    assert count("googlenet") == total
    assert sum(sum(row[1:]) + row[5] for row in table) + 192 == 7_904  # the biases of the other


def test_dpn92_is_its_table():
    total, c = conv_bn(3, 64, 3), 64
    for inner, added, appended, blocks in [
        (96, 256, 16, 3),
        (192, 512, 32, 4),
        (384, 1024, 24, 20),
        (768, 2048, 128, 3),
    ]:
        total += conv_bn(c, added + appended)
        for index in range(blocks):
            total += conv_bn(c, inner) + conv_bn(inner, inner, 3, groups=32)
            total += conv_bn(inner, added + appended)
            c = added + (index + 2) * appended
    assert count("dpn92") == total + (c + 1) * 10


def test_shufflenet_is_its_table():
    total, c = conv_bn(3, 24), 24
    for c_out, blocks in [(200, 4), (400, 8), (800, 4)]:
        for index in range(blocks):
            made = c_out - c if index == 0 else c_out
            total += conv_bn(c, made // 4, groups=1 if c == 24 else 2)
            total += conv_bn(made // 4, made // 4, 3, groups=made // 4)
            total += conv_bn(made // 4, made, groups=2)
            c = c_out
    assert count("shufflenetg2") == total + 801 * 10


def test_senet18_is_a_resnet18_that_is_excited():
    total, c = conv_bn(3, 64, 3) + 513 * 10, 64
    for c_out in (64, 64, 128, 128, 256, 256, 512, 512):
        # BN stands in front: over the block's input, and over its inner channels.
        total += 2 * c + 9 * c * c_out + 2 * c_out + 9 * c_out**2
        total += c * c_out if c != c_out else 0
        total += (c_out + 1) * (c_out // 16) + (c_out // 16 + 1) * c_out
        c = c_out
    assert count("senet18") == total


def test_mobilenet_has_the_papers_thirteen_blocks():
    channels = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    blocks = sum(conv_bn(a, a, 3, groups=a) + conv_bn(a, b) for a, b in pairwise(channels))
    assert count("mobilenet") == conv_bn(3, 32, 3) + blocks + 1025 * 10


def test_half_of_a_dual_paths_channels_are_kept():
    """What a block does not add or append, it hands on as it was."""
    block = DualPath(32 + 8, 32, 32, 4, 1, first=False).eval()
    x = torch.randn(2, 40, 4, 4).abs()  # the last ReLU changes nothing of it
    with torch.no_grad():
        out = block(x)
    assert out.shape == (2, 44, 4, 4)
    assert torch.equal(out[:, 32:40], x[:, 32:])


def test_shuffled_channels_see_both_groups():
    block = Shuffled(200, 200, stride=1).eval()
    x = torch.zeros(1, 200, 3, 3, requires_grad=True)
    mixed = block.expand(nn.functional.channel_shuffle(block.reduce(x + 1), block.groups))
    (gradient,) = torch.autograd.grad(mixed[:, :100].square().sum(), x)
    assert all(half.abs().sum() > 0 for half in gradient.chunk(2, dim=1))


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


MNIST = DataSpec(1, 28, 28, 10)


def conv(c_in: int, c_out: int, kernel: int, batch_norm: bool) -> int:
    return c_in * c_out * kernel**2 + (2 if batch_norm else 1) * c_out


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("kernel", [3, 5])
def test_parameters_of_the_network_for_mnist(batch_norm, kernel):
    layers = conv(1, 8, kernel, batch_norm) + conv(8, 16, kernel, batch_norm)
    linear = (16 * 7 * 7 + 1) * 4096 + 4097 * 10
    given = {"spec": MNIST, "batch_norm": batch_norm, "kernel_size": kernel}
    assert count("mnist-cnn", **given) == layers + linear


def test_the_network_for_mnist_as_it_stands():
    network = build("mnist-cnn", MNIST)
    layers = [type(layer).__name__ for layer in network.modules() if not list(layer.children())]
    block = ["Conv2d", "ReLU", "MaxPool2d"]
    assert layers == [*block, *block, "Flatten", "Linear", "ReLU", "Dropout", "Linear"]
    assert [layer.p for layer in network.modules() if isinstance(layer, nn.Dropout)] == [0.5]


def test_parameters_of_the_network_that_optimizers_are_compared_on():
    layers = conv(1, 64, 3, True) + conv(64, 128, 3, True)
    linear = (128 * 7 * 7 + 1) * 256 + 257 * 256 + 257 * 10
    assert count("mnist-optim", spec=MNIST) == layers + linear


@pytest.mark.parametrize(
    ("layers", "plan", "convolutions"),
    [
        (10, [64, 128, 256, 256, *[512] * 4], 8),
        (12, [64, 64, 128, 128, 256, 256, *[512] * 4], 10),
        (15, [64, 64, 128, 128, *[256] * 3, *[512] * 5], 12),
        (18, [64, 64, 128, 128, *[256] * 4, *[512] * 7], 15),
    ],
)
def test_the_number_of_a_vgg_counts_its_layers(layers, plan, convolutions):
    assert len(plan) == convolutions
    hidden = layers - convolutions - 1
    linear = (512 * 7 * 7 + 1) * 512 + (hidden - 1) * 513 * 512 + 513 * 10
    # Bias and BN behind every convolution.
    features = sum(conv(a, b, 3, True) + b for a, b in pairwise([1, *plan]))
    assert count("mnist-vgg", spec=MNIST, layers=layers) == features + linear
    with torch.device("meta"):
        network = build("mnist-vgg", MNIST, layers=layers)
    made = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(made) == layers
    assert [m.out_channels for m in made if isinstance(m, nn.Conv2d)] == plan


@pytest.mark.parametrize(
    ("layers", "sizes"),
    [
        (10, [28, *[14] * 3, *[7] * 4]),
        (12, [28, 28, *[14] * 4, *[7] * 4]),
        (15, [28, 28, *[14] * 5, *[7] * 5]),
        (18, [28, 28, 14, 14, *[7] * 11]),
    ],
)
def test_where_a_vgg_for_mnist_pools(layers, sizes):
    seen = []
    with torch.device("meta"):
        network = build("mnist-vgg", MNIST, layers=layers).eval()
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(lambda m, given, out: seen.append(out.shape[-1]))
        network(torch.empty(1, 1, 28, 28))
    assert seen == sizes


@pytest.mark.parametrize(
    ("name", "last", "side"),
    [
        ("densenet121", "features", 4),
        ("squeezenet1_1", "features", 4),
        ("shufflenet_v2_x1_0", "conv5", 4),
        ("mobilenet_v2", "features", 4),
        ("mnasnet1_0", "layers", 2),
        ("googlenet", "inception5b", 8),
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
    found = Architecture.of(open_model(name), spec=task.spec, space_arguments={})
    assert dict(found.arch) == {}


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
        ("resnet18", {"stem": "large"}, "space ResNet18: stem=large: must be small or imagenet"),
        (
            "densenet121",
            {"stem": "imagenet"},
            "space DenseNet121: stem=imagenet: needs images of at least 28x28, and these have 8x8",
        ),
        ("mobilenet-v1", {"width": 0.0}, "space MobileNetV1: "),
        ("mnist-vgg", {"layers": 11}, "space MnistVgg: layers=11: must be 10, 12, 15 or 18"),
        ("mnist-vgg", {"hidden_size": 0}, "space MnistVgg: hidden_size=0: must be at least 1"),
        ("mnist-cnn", {"kernel_size": 2}, "space MnistCnn: kernel_size=2: must be odd and at"),
        ("mnist-optim", {"hidden_size": 0}, "space MnistOptim: width=64, hidden_size=0: must be"),
    ],
)
def test_arguments_that_do_not_fit(name, arguments, line):
    task = load_task(HpoConfig(), "digits")
    with pytest.raises(UserError) as error:
        Architecture.of(open_model(name), spec=task.spec, space_arguments=arguments)
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_images_that_are_too_small():
    with pytest.raises(ValueError, match="images of 3x9: must be at least 4x4"):
        build("small-cnn", DataSpec(1, 3, 9, 10))
