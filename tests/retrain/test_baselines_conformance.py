"""Every baseline of the catalog passes the conformance suite of search spaces."""

from __future__ import annotations

import pytest

from nasbench import catalog
from nasbench.space import DataSpec
from nasbench.testing.spaces import SpaceSuite
from retrain.baselines.dpn import Dpn92
from retrain.baselines.senet import SeNet18
from retrain.baselines.shufflenet import ShuffleNetG2
from retrain.baselines.small_cnn import MnistCnn, MnistOptim, SmallCnn
from retrain.baselines.torchvision_nets import (
    DenseNet121,
    GoogLeNet,
    MnasNet,
    MobileNetV2,
    ResNet18,
    ResNet50,
    ResNeXt50,
    ShuffleNetV2,
    SqueezeNet,
)
from retrain.baselines.vgg import MnistVgg, Vgg, Vgg16, Vgg16Bn
from search_spaces.gait import EvGait
from search_spaces.mobilenet import MobileNet, MobileNetV1


class Baseline(SpaceSuite):
    specs = (DataSpec(1, 8, 8, 10), DataSpec(3, 32, 32, 10), DataSpec(1, 28, 28, 10))
    size = 1
    invalid = {"dropout_rate": 1.0}


class Large(Baseline):
    # Halved to an odd size, as 28x28 is, with a quarter of its pixels.
    specs = (DataSpec(1, 8, 8, 10), DataSpec(3, 14, 14, 10))


class TestSmallCnn(Baseline):
    space = SmallCnn


class TestMnistCnn(Baseline):
    space = MnistCnn


class TestMnistOptim(Baseline):
    space = MnistOptim


@pytest.mark.slow
class TestMnistVgg(Large):
    space = MnistVgg


class TestMobileNetV1(Baseline):
    space = MobileNetV1
    arguments = {"width": 0.125}


class TestMobileNet(Baseline):
    space = MobileNet
    arguments = {"width": 0.125}


class TestEvGait(Baseline):
    space = EvGait
    arguments = {"width": 0.125}


class TestResNet18(Baseline):
    space = ResNet18


@pytest.mark.slow
class TestResNet50(Large):
    space = ResNet50


@pytest.mark.slow
class TestResNeXt50(Large):
    space = ResNeXt50


@pytest.mark.slow
class TestVgg16(Large):
    space = Vgg16


@pytest.mark.slow
class TestVgg16Bn(Large):
    space = Vgg16Bn


@pytest.mark.slow
class TestVgg(Large):
    space = Vgg


@pytest.mark.slow
class TestGoogLeNet(Large):
    space = GoogLeNet


@pytest.mark.slow
class TestSeNet18(Large):
    space = SeNet18


@pytest.mark.slow
class TestDpn92(Large):
    space = Dpn92


class TestShuffleNetG2(Baseline):
    space = ShuffleNetG2


@pytest.mark.slow
class TestDenseNet121(Large):
    space = DenseNet121


class TestSqueezeNet(Baseline):
    space = SqueezeNet


@pytest.mark.slow
class TestShuffleNetV2(Baseline):
    space = ShuffleNetV2


@pytest.mark.slow
class TestMobileNetV2(Baseline):
    space = MobileNetV2


@pytest.mark.slow
class TestMnasNet(Baseline):
    space = MnasNet


def test_every_baseline_of_the_catalog_has_a_suite():
    suites = [one for one in globals().values() if isinstance(one, type)]
    tested = {one.space for one in suites if hasattr(one, "space")}
    assert {catalog.resolve("baseline", name) for name in catalog.BASELINES} <= tested
