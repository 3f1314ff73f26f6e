"""Every search space of the catalog passes the conformance suite."""

from __future__ import annotations

from math import comb

from nasbench import catalog
from nasbench.interop import zoo
from nasbench.space import DataSpec
from nasbench.testing.spaces import SpaceSuite
from search_spaces.darts import Darts
from search_spaces.darts_cells import DartsCells
from search_spaces.gait import Gait, GaitOps
from search_spaces.mbconv import MacroSpace, Proxyless
from search_spaces.mobilenet import MobileNetFull, MobileNetOps, MobileNetSkip
from search_spaces.mobilenet_v3 import MobileNetV3
from search_spaces.nasbench201 import NasBench201
from search_spaces.vit import VitSmall

CELLS = {"channels": 4, "layers": 3, "stem_multiplier": 2}


class TestDarts(SpaceSuite):
    space = Darts
    arguments = {**CELLS, "nodes": 2, "auxiliary": True}
    size = (7**4 * comb(3, 2)) ** 2
    invalid = {"channels": 0, "layers": 0, "stem_multiplier": 0, "nodes": 0, "rendition": "dart"}
    as_in_supernet = {"rendition": "supernet"}


class TestDartsCells(SpaceSuite):
    space = DartsCells
    arguments = {**CELLS, "genotype": zoo.published("GDAS_V1").genotype}
    size = 1
    invalid = {"channels": 0, "genotype": "Genotype()", "rendition": "dart"}


class TestMobileNetSkip(SpaceSuite):
    space = MobileNetSkip
    arguments = {"width": 0.125, "dropout_rate": 0.1}
    size = 2**6
    invalid = {"width": 0.0, "dropout_rate": 1.0}


class TestMobileNetOps(SpaceSuite):
    space = MobileNetOps
    arguments = {"width": 0.125, "dropout_rate": 0.1}
    size = 7**12 * 6**5
    invalid = {"width": float("nan"), "dropout_rate": -0.1}


class TestMobileNetFull(SpaceSuite):
    space = MobileNetFull
    arguments = {"width": 0.25, "dropout_rate": 0.1}  # below, all multipliers are the same
    invalid = {"width": float("inf"), "dropout_rate": float("nan")}


class TestGaitOps(SpaceSuite):
    space = GaitOps
    arguments = {"width": 0.125, "hidden_size": 16}
    specs = (DataSpec(2, 20, 11, 5), DataSpec(1, 8, 8, 10))
    size = 3**4 * 2 * (12 + 12**2 + 12**3 + 12**4)
    invalid = {"width": 0.0, "hidden_size": 0, "dropout_rate": 1.0}


class TestGait(TestGaitOps):
    space = Gait
    # At half of it all widths of the first stage round to 8 channels, and none has a gradient.
    arguments = {"width": 0.25, "hidden_size": 16}
    size = 3**4 * 2 * (12 + 12**2 + 12**3 + 12**4) * 3**5


class TestMacroSpace(SpaceSuite):
    space = MacroSpace
    arguments = {"width": 0.125}
    size = 3**8
    invalid = {"width": 0.0}


class TestProxyless(SpaceSuite):
    space = Proxyless
    arguments = {"width": 0.125}
    size = 6**6 * 7**15
    invalid = {"width": 0.0, "dropout_rate": 1.0}


class TestMobileNetV3(SpaceSuite):
    space = MobileNetV3
    # On maps of 1x1 all kernels are the same, and below half the width all multipliers.
    arguments = {"width": 0.5, "halvings": 1}
    size = (3 * (9**2 + 9**3 + 9**4)) ** 5
    invalid = {"width": 0.0, "halvings": 6, "dropout_rate": 1.0}


class TestVitSmall(SpaceSuite):
    space = VitSmall
    arguments = {"channels": 16, "layers": 2}
    size = 3 * (6 + 6**2)
    invalid = {"channels": 24, "layers": 1, "patch": 5, "dropout_rate": 1.0}


class TestNasBench201(SpaceSuite):
    space = NasBench201
    arguments = {"channels": 4, "cells": 1}
    size = 5**6
    invalid = {"channels": 0, "cells": 0}


def test_every_space_of_the_catalog_has_a_suite():
    tested = {suite.space for suite in globals().values() if _is_suite(suite)}
    assert {catalog.resolve("space", name) for name in catalog.SPACES} == tested


def _is_suite(value):
    return isinstance(value, type) and issubclass(value, SpaceSuite) and hasattr(value, "space")
