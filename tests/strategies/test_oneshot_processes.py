"""Every one-shot strategy in two processes: both agree to the bit, and with one process."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from killing import in_processes
from torch import nn

from nasbench import catalog
from nasbench.nn.processes import place
from nasbench.nn.sync_batchnorm import synchronize
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.oneshot.darts_pt import limited
from nasbench.testing.supernets import (
    BATCH,
    PlainSupernets,
    RandomData,
    Slices,
    Small,
    batch,
    digest,
    make,
)
from nasbench.training.distributed import join, leave, wait

CELL = {"channels": 4, "cells": 1}
FEW = {"candidates": 4, "calibration": 1}
ELASTIC = ("bignas", "ofa", "autoformer")  # need sizes to choose
OPTIONS = {
    "hessian": {"hessian": True},
    "pc-darts": {"warmup": 0.0},
    "p-darts": {"warmup": 0.0},
    "darts-pt": {"tune_steps": 1},
    "sdarts": {"perturbation": "adversarial", "attack_steps": 1},
    "spos": {**FEW, "population": 2},
    "fairnas": {**FEW, "population": 2},
    "rspws": {**FEW, "finalists": 2},
    "enas": FEW,
    **{name: {**FEW, "population": 2} for name in ELASTIC},
}


def names():
    kinds = {name: catalog.resolve("strategy", name) for name in catalog.STRATEGIES}
    found = [name for name, kind in kinds.items() if issubclass(kind, OneShotStrategy)]
    return [*found, "hessian"]  # the last is darts with eigenvalues


class OneNorm(Small):
    """A small space with one BN: each measured eigenvalue takes it many times."""

    def __init__(self, spec):
        super().__init__(spec)
        self.stem = nn.Sequential(self.stem, nn.BatchNorm2d(8))


class Norms(OneNorm):
    """A small space with BN in every candidate, too: the processes must draw the same ones."""

    def __init__(self, spec):
        super().__init__(spec)
        for choice in (self.first, self.second):
            for name, layers in list(choice.candidates.items()):
                choice.candidates[name] = nn.Sequential(layers, nn.BatchNorm2d(8))


class Skips(Norms):
    """The same with skip connections, behind which P-DARTS has dropout."""

    def __init__(self, spec):
        super().__init__(spec)
        for choice in (self.first, self.second):
            choice.candidates["pool"] = nn.Identity()


@dataclass(frozen=True)
class Synchronized(PlainSupernets):
    """BN sees the batches of all processes, as the engine sees to."""

    def __call__(self, partial=1, **arguments):
        made = super().__call__(partial, **arguments).double()
        if place().world > 1:
            synchronize(made)
        return made


class Halves(RandomData):
    """The images after the training, each process its own."""

    def validation(self):
        return (share(number) for number in (1001, 1002))

    def training(self, name, steps):
        first = sum(name.encode()) * 100
        return ((share(first + i), share(first - i)) for i in range(steps))


def resolved(name):
    return catalog.resolve("strategy", name)


def share(number, size=BATCH):
    """This process's part of a batch."""
    images, labels = batch(number, size=size)
    rank, world = place().rank, place().world
    return images[rank::world].double(), labels[rank::world]


def searched(name):
    """Return a strategy after a few steps, and what it selects."""
    supernets = Synchronized(Norms, {})
    if name == "pc-darts":  # needs partial channels
        supernets = Synchronized(catalog.resolve("space", "nas-bench-201"), CELL)
    if name == "p-darts":
        supernets = Synchronized(Skips, {})
    if name == "hessian":
        supernets = Synchronized(OneNorm, {})
    if name in ELASTIC:
        supernets = Synchronized(Slices, {})
    kind = resolved("darts" if name == "hessian" else name)
    strategy = make(kind, supernets, OPTIONS.get(name, {}), epochs=3).double()
    torch.manual_seed(1)
    for number in range(3):
        strategy.begin_epoch(number, 3)
        strategy.step(share(2 * number), share(2 * number + 1))
    return strategy, strategy.select(Halves())


def eigenvalues(strategy):
    watch = getattr(strategy, "early_stop", None)
    return [] if watch is None else watch.eigenvalues


def watched(number):
    """Return a strategy whose eigenvalue is to be measured on a batch, in an epoch."""
    strategy = make(resolved("darts"), Synchronized(OneNorm, {}), {"hessian": True}).double()
    strategy.begin_epoch(0, 2)
    images, labels = share(number)
    strategy.early_stop.remember((images.contiguous(memory_format=torch.channels_last), labels))
    return strategy


def _join(rank, folder):
    torch.set_num_threads(1)
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank)}
    join(torch.device("cpu"), dist.FileStore(f"{folder}/store", 2))


def _resumed(rank, folder):
    """Continue both processes from what the first one saved, before a batch is measured."""
    _join(rank, folder)
    strategy = watched(5)
    state = strategy.state_dict()
    if rank == 0:
        torch.save(state, f"{folder}/state.pt")
    wait()
    other = watched(6)
    other.load_state_dict(torch.load(f"{folder}/state.pt", weights_only=True))
    for ours, theirs in zip(strategy.early_stop._batch, other.early_stop._batch, strict=True):
        assert torch.equal(ours, theirs)
        assert ours.stride() == theirs.stride()
    for each in (strategy, other):
        each.begin_epoch(1, 2)
    assert other.early_stop.eigenvalues == strategy.early_stop.eigenvalues
    torch.save(strategy.early_stop.eigenvalues, f"{folder}/eigenvalues-{rank}.pt")
    leave()


def test_resumed_processes_measure_the_eigenvalue_on_the_batch_of_all(tmp_path):
    in_processes(_resumed, (str(tmp_path),), 2)
    alone = watched(5)
    alone.begin_epoch(1, 2)
    assert alone.early_stop.eigenvalues[0] != 0
    for rank in range(2):
        found = torch.load(tmp_path / f"eigenvalues-{rank}.pt")
        assert found == pytest.approx(alone.early_stop.eigenvalues, rel=1e-3)
    # What one saved of both is the batch that one process has.
    saved = torch.load(tmp_path / "state.pt", weights_only=True)["early_stop._extra_state"]
    assert all(torch.equal(a, b) for a, b in zip(saved["batch"], share(5), strict=True))


def score(images):
    """Return how good a supernet is on batches."""
    strategy = make(resolved("darts-pt"), Synchronized(Norms, {}), {}).double()
    return strategy._score(images)


# The size of the second batch after one of 8, the samples, and how many of the second one's images
# are evaluated in each process.
LAST = [(1, 100, 0), (2, 100, 1), (3, 100, 1), (5, 100, 2), (5, 5, 1), (7, 6, 2)]


def _scored(rank, folder):
    _join(rank, folder)
    found = []
    for size, samples, count in LAST:
        images = list(limited(iter([share(0), share(1, size)]), samples))
        assert [len(labels) for _, labels in images] == [4, count][: 1 + (count > 0)]
        found.append(score(images))
        wait()  # one that had evaluated more would still be in there
    torch.save(found, f"{folder}/scores-{rank}.pt")
    leave()


def test_both_processes_evaluate_as_many_images(tmp_path):
    in_processes(_scored, (str(tmp_path),), 2)
    one, other = (torch.load(tmp_path / f"scores-{rank}.pt") for rank in range(2))
    assert one == other
    for (size, _, count), found in zip(LAST, one, strict=True):
        images, labels = share(1, size)
        last = (images[: 2 * count], labels[: 2 * count])
        assert score([share(0), last][: 1 + (count > 0)]) == pytest.approx(found, rel=1e-6)


def _in_one_of_two(rank, folder):
    _join(rank, folder)
    for name in names():
        strategy, arch = searched(name)
        found = {
            "digest": digest(strategy),
            "arch": dict(arch),
            "alphas": getattr(strategy.relaxed, "arch_parameters", []),
            "eigenvalues": eigenvalues(strategy),
        }
        torch.save(found, f"{folder}/{name}-{rank}.pt")
    leave()


@pytest.fixture(scope="module")
def together(tmp_path_factory) -> Path:
    """What both processes found, a file for each strategy and process."""
    folder = tmp_path_factory.mktemp("together")
    in_processes(_in_one_of_two, (str(folder),), 2)
    return folder


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", names())
def test_two_processes_agree_with_each_other_and_with_one(name, together):
    one, other = (torch.load(together / f"{name}-{rank}.pt") for rank in (0, 1))
    assert one["digest"] == other["digest"]
    assert one["arch"] == other["arch"]
    strategy, arch = searched(name)
    assert dict(arch) == one["arch"]
    assert eigenvalues(strategy) == pytest.approx(one["eigenvalues"], rel=1e-3)
    assert len(one["eigenvalues"]) == (3 if name == "hessian" else 0)
    alphas = getattr(strategy.relaxed, "arch_parameters", [])
    for ours, theirs in zip(alphas, one["alphas"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
