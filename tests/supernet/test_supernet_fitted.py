"""Fitted products by compiled loops against torch's in float64."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from torch import nn

from nasbench.supernet.fast.fitted import CompiledFitted
from nasbench.supernet.fast.pointwise import Fitted


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("weighted", [True, False])
def test_fitted_products_are_those_of_the_formulas(momentum, weighted):
    torch.manual_seed(0)
    m, c, n = 3, 12, 50
    pixels, grads = torch.randn(2, m, n, c, dtype=torch.float64) + 1
    kernels = [torch.randn(c, c, 1, 1, dtype=torch.float64) for _ in range(m)]
    weights = torch.rand(m, dtype=torch.float64) if weighted else None
    norms = [nn.BatchNorm2d(c, momentum=momentum, affine=False) for _ in range(m)]
    expected_norms = [copy.deepcopy(norm).double() for norm in norms]
    square, crossed = pixels.mT @ pixels, pixels.mT @ grads
    for _ in range(2):
        expected = Fitted(n, pixels.sum(1), square.clone(), kernels, weights, 1e-5)
        expected.track(expected_norms)
        found = CompiledFitted(
            n,
            pixels.sum(1).float(),
            square.float(),
            [kernel.float() for kernel in kernels],
            None if weights is None else weights.float(),
            norms,
        )
    close = functools.partial(torch.testing.assert_close, check_dtype=False, rtol=1e-4, atol=1e-4)
    close(found.scaled, expected.scaled)
    close(found.biases, expected.biases)
    for norm, other in zip(norms, expected_norms, strict=True):
        close(norm.running_mean, other.running_mean)
        close(norm.running_var, other.running_var)
        assert norm.num_batches_tracked == other.num_batches_tracked == 2
    wanted = expected.small(grads.sum(1), crossed.clone())
    seen = found.small(grads.sum(1).float(), crossed.float())
    close(seen.weights, wanted.weights)
    close(seen.kernels, wanted.matrices.mT)
    close(seen.spread, wanted.spread)
    close(seen.rows, wanted.rows)
    assert torch.equal(seen.turned, found.scaled.mT)


def test_a_channel_without_variance_is_as_in_torch_without_eps():
    norm = nn.BatchNorm2d(4, eps=0.0, affine=False)
    kernel = torch.zeros(4, 4, 1, 1)
    expected = Fitted(9, torch.ones(1, 4), torch.eye(4)[None], [kernel], None, 0.0)
    found = CompiledFitted(9, torch.ones(1, 4), torch.eye(4)[None], [kernel], None, [norm])
    assert expected.scaled.isnan().all()  # 0 times infinity
    assert found.scaled.isnan().all()
    assert norm.num_batches_tracked == 1
