"""The check of an export has teeth, and knows how exact float32 can be."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nasbench.engine.checkpoints import open_network
from nasbench.errors import UserError
from nasbench.export.check import TOLERANCE, Truth
from nasbench.export.targets import export


@pytest.fixture(scope="module", params=[4, pytest.param(20, marks=pytest.mark.slow)])
def network(request):
    deep = {"channels": 4, "layers": request.param}
    return open_network("zoo:DARTS_V2", preset="paper", assignments=deep).network()


def images(seed=0):
    return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_rounding_is_the_distance_from_float64(network):
    truth = Truth.of(network, images())
    with torch.no_grad():
        exact = copy.deepcopy(network).double()(images().double())
        largest = (exact - network(images())).abs().max()
    assert truth.rounding == pytest.approx(float(largest), rel=1e-6)
    assert truth.allowed == max(TOLERANCE, 4 * truth.rounding)
    assert truth.allowed < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("network", [20], indirect=True)  # where rounding adds up
def test_the_networks_own_export_passes(network, tmp_path):
    truth = Truth.of(network, images())
    _, difference = export("torchscript", network, tmp_path, "words", truth)
    assert difference <= truth.allowed


@pytest.mark.parametrize(
    ("network", "share"),
    [(4, 0.0), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((4, 0.5), (20, 0.0)))],
    indirect=["network"],
    scope="module",
)
def test_one_channel_that_is_five_percent_stronger_is_refused(network, tmp_path, share):
    """In the first BN, too: without calibrated statistics the outputs would hardly move."""
    truth = Truth.of(network, images())
    other = copy.deepcopy(network)
    norms = [m for m in other.modules() if isinstance(m, nn.BatchNorm2d) and m.affine]
    with torch.no_grad():
        norms[int(share * len(norms))].weight[0] *= 1.05
    with pytest.raises(UserError, match="computes something else: outputs differ by"):
        export("torchscript", other, tmp_path, "words", truth)
