"""Pixels at a distance of each other, against slices."""

from __future__ import annotations

import pytest
import torch

from nasbench.nn import halving
from nasbench.supernet.fast import strided

LAST = torch.channels_last


@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_gradients_of_distant_pixels_are_those_of_slices_in_the_layout_of_the_images(size):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64).contiguous(memory_format=LAST)
    ways = [
        (lambda x: (strided.every(x, 2),), lambda x: (x[:, :, ::2, ::2],)),
        (strided.halves, halving.halves),
    ]
    for ours, plain in ways:
        outs, inputs = [], []
        for way in (ours, plain):
            inputs.append(x.clone().requires_grad_())
            outs.append(way(inputs[-1]))
            sum((i + 1) * out.square().sum() for i, out in enumerate(outs[-1])).backward()
        for a, b in zip(*outs, strict=True):
            assert torch.equal(a, b)
            assert a.is_contiguous(memory_format=LAST)
        assert torch.equal(inputs[0].grad, inputs[1].grad)
        alone = torch.autograd.grad(ours(inputs[0])[-1].sum(), inputs[0])[0]
        assert torch.equal(alone, torch.autograd.grad(plain(inputs[1])[-1].sum(), inputs[1])[0])
        assert alone.is_contiguous(memory_format=LAST)
