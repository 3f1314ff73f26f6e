"""The fast sums of two processes with half of a batch each give what one process gives."""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.distributed as dist
from killing import in_processes

from nasbench.nn import processes
from nasbench.nn.sync_batchnorm import synchronize
from nasbench.training.distributed import join, leave
from tests.supernet.test_supernet_fast import LAST, SPACES, images, mixture, relative


def gradients(net, x):
    out = net(x)
    parameters = [*net.alphas, *net.weight_parameters]
    found = torch.autograd.grad(out.square().sum(), parameters, materialize_grads=True)
    return out.detach(), torch.cat([gradient.flatten() for gradient in found])


def running(net):
    return torch.cat([buffer.double().flatten() for buffer in net.buffers()])


def in_one_of_two(rank, folder):
    torch.set_num_threads(1)
    nets = {name: mixture(name) for name in SPACES}
    alone = {name: (*gradients(net, images()), running(net)) for name, net in nets.items()}
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank)}
    join(torch.device("cpu"), dist.FileStore(f"{folder}/store", 2))
    assert processes._shared is not None  # both are on this machine
    for name, (out, whole, statistics) in alone.items():
        net = mixture(name)
        synchronize(net)
        mine, part = gradients(net, images()[rank::2].contiguous(memory_format=LAST))
        assert net._sums._candidates
        assert relative(mine, out[rank::2]) < 1e-9
        processes.sum_(part)
        assert relative(part, whole) < 1e-9
        assert relative(running(net), statistics) < 1e-9
    leave()
    assert processes._shared is None


def test_two_halves_are_one_batch(tmp_path: Path) -> None:
    in_processes(in_one_of_two, (str(tmp_path),), 2)
