"""Dropout of two processes with half of a batch each drops what torch's drops for the whole."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.distributed as dist
from killing import in_processes
from torch import nn

from nasbench.nn.sync_batchnorm import synchronize
from nasbench.training.distributed import join, leave

LAYERS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
LAST = torch.channels_last


def images(number, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))


def cases():
    """Yield layers with the inputs of a whole batch, in several layouts of memory."""
    for p in (0.3, 1.0):
        yield nn.Dropout(p), images(0, 10, 7)
    for inplace in (False, True):
        yield nn.Dropout(0.5, inplace), images(1, 4, 3, 5, 6)
        yield nn.Dropout(0.5, inplace), images(2, 4, 3, 5, 6).contiguous(memory_format=LAST)
    yield nn.Dropout(0.5), images(3, 9, 6, 4).transpose(0, 1)  # tokens come first in memory
    yield nn.Dropout(0.2), images(4, 200, 3, 16, 16).bfloat16()
    yield nn.Dropout1d(0.5), images(5, 6, 5, 4)
    yield nn.Dropout2d(0.5), images(6, 6, 5, 4, 4).contiguous(memory_format=LAST)
    yield nn.Dropout3d(0.5), images(7, 6, 5, 4, 4, 2)


def dropped(layer, x):
    """Return output, gradient and the next draw."""
    torch.manual_seed(8)
    x = x.clone().requires_grad_()
    out = layer(x * 1)  # in place on no leaf
    out.sum().backward()
    return out.detach(), x.grad, torch.rand(3)


def in_one_of_two(rank, folder):
    torch.set_num_threads(1)
    whole = [(layer, x, *dropped(layer, x)) for layer, x in cases()]
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank)}
    join(torch.device("cpu"), dist.FileStore(f"{folder}/store", 2))
    for number, (layer, x, out, gradient, after) in enumerate(whole):
        network = nn.Sequential(layer)
        before = dict(network.state_dict())
        synchronize(network)
        assert network.state_dict() == before
        assert isinstance(layer, LAYERS)
        mine = x[rank::2].clone()
        found, own, then = dropped(network, mine)
        assert torch.equal(found, out[rank::2]), number
        assert torch.equal(own, gradient[rank::2]), number
        assert torch.equal(then, after), number
        network.eval()
        assert torch.equal(network(mine), mine)
        network.train()
        layer.p = 0.0
        drawn = torch.get_rng_state()
        assert torch.equal(network(mine), mine)
        assert torch.equal(torch.get_rng_state(), drawn)
    leave()
    layer.p = 0.5  # alone it is torch's again
    assert torch.equal(dropped(layer, x)[0], dropped(nn.Dropout3d(0.5), x)[0])


def test_two_halves_drop_what_one_batch_drops(tmp_path: Path) -> None:
    in_processes(in_one_of_two, (str(tmp_path),), 2)
