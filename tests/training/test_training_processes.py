"""Two processes with the same global batch give what one process gives, up to rounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from killing import in_processes
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.nn import processes
from nasbench.nn.sync_batchnorm import normalized, synchronize
from nasbench.store.journal import Journal
from nasbench.training.distributed import any_process, average, join, leave, total
from nasbench.training.losses import Loss
from nasbench.training.optimization import Optimization, OptimizerConfig

SMALL = ["--limit-train", "80", "--batch-size", "20", "--epochs", "2"]
SPACE = ["--space", str(Path(__file__).parents[2] / "examples" / "my_space.py") + ":MySpace"]


def alone(arguments, capsys):
    """Return what one process, this one, prints as JSON."""
    assert main(list(map(str, arguments))) == 0
    return json.loads(capsys.readouterr().out.splitlines()[0])


COMMANDS = """
import json, sys
from nasbench.cli import main

for words in json.loads(sys.argv[1]):
    status = main(words)
    if status:
        sys.exit(status)
"""


def together(folder, *commands):
    """Return the lines of JSON that commands, one after the other, print under torchrun.

    It starts two processes, each of which imports torch once.
    """
    program, launcher = folder / "commands.py", [sys.executable, "-m", "torch.distributed.run"]
    program.write_text(COMMANDS)
    words = json.dumps([list(map(str, command)) for command in commands])
    done = subprocess.run(
        [*launcher, "--nproc-per-node=2", program, words],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def losses(out, run):
    epochs = Journal(out / "runs" / run / "journal.jsonl").epochs()
    return [epoch["loss"] for epoch in epochs]


@pytest.mark.slow
@pytest.mark.long
def test_search_and_retrain_in_two_processes(tmp_path, capsys):
    one, two = tmp_path / "one", tmp_path / "two"
    search = ["search", "darts", *SMALL, *SPACE, "-o", "order=2", "--json"]
    ours = alone([*search, "--out", one], capsys)
    retrain = ["retrain", ours["checkpoint"], "--cutout", "2", *SMALL, *SPACE, "--json", "--out"]
    # One after the other in the same two processes: the next run goes on in their group.
    theirs, second, trained = together(
        tmp_path, [*search, "--seeds", "2", "--out", two], [*retrain, two]
    )
    assert [line["metrics"]["epoch"] for line in (theirs, second)] == [2, 2]
    assert losses(two, theirs["run"]) == pytest.approx(losses(one, ours["run"]), rel=1e-3)
    assert len(list((two / "runs").iterdir())) == 3
    ours, theirs = alone([*retrain, one], capsys), trained
    assert losses(two, theirs["run"]) == pytest.approx(losses(one, ours["run"]), rel=1e-3)
    weights, other = load_file(ours["model"]), load_file(theirs["model"])
    assert weights.keys() == other.keys()
    for name, value in weights.items():
        assert torch.allclose(value, other[name], rtol=1e-2, atol=1e-3), name
    assert theirs["test_openings"] == 1


def _norm(x):
    torch.manual_seed(0)
    layer = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False)).double()
    with torch.no_grad():
        layer[0].weight.uniform_(0.5, 2)
    return layer, (layer(x) * torch.arange(x.numel() * 1.0).view_as(x).sin())


def _threads():
    """Return the names of this process's threads, gloo's among them."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


def _join(rank, folder):
    os.environ |= {"WORLD_SIZE": "2", "RANK": str(rank)}
    join(torch.device("cpu"), dist.FileStore(f"{folder}/store", 2))


def _in_one_of_two(rank, folder):
    """Compare this process's half of a synchronized BN with one BN over everything."""
    _join(rank, folder)
    x = torch.randn(6, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    full = x.clone().requires_grad_()
    layer, out = _norm(full)
    weights = torch.arange(x.numel() * 1.0).view_as(x).sin()
    out.sum().backward()
    torch.manual_seed(0)
    mine = x[rank::2].clone().requires_grad_()
    other = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, affine=False)).double()
    other.load_state_dict({**layer.state_dict(), **_fresh(layer)})
    synchronize(other)
    found = other(mine) * weights[rank::2]
    found.sum().backward()
    torch.testing.assert_close(found, out.detach()[rank::2])
    torch.testing.assert_close(mine.grad, full.grad[rank::2])
    gradients = [p.grad for p in other.parameters()]
    average(gradients)
    for gradient, parameter in zip(gradients, layer.parameters(), strict=True):
        torch.testing.assert_close(2 * gradient, parameter.grad)
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(other[0], name), getattr(layer[0], name))
    assert total(torch.tensor(float(rank))).item() == 1.0
    _several_images_exchange_once(rank)
    _a_weighted_loss_is_that_of_the_whole_batch(rank)
    # Each process has seen another loss: the first one's decides.
    plateau = OptimizerConfig(lr=0.5, schedule="plateau", plateau_patience=0)
    made = Optimization([nn.Parameter(torch.zeros(1))], plateau, 9)
    for loss in (1.0, 1.0 - rank / 2, 0.5 + rank):
        made.end_epoch({"loss": loss})
    assert made.lr == pytest.approx(0.05)
    assert any_process(rank == 1, torch.device("cpu"))
    assert not any_process(False, torch.device("cpu"))
    # A thread of gloo that outlived the group could abort the process at its end.
    assert any("gloo" in name for name in _threads())
    leave()
    assert not any("gloo" in name for name in _threads())


def _several_images_exchange_once(rank):
    """Compare BN of images of several sizes, half of each here, with torch's of the whole."""
    stream = torch.Generator().manual_seed(2)
    sizes = [(6, 3, 4, 4), (6, 3, 2, 2), (6, 5, 4, 4)]
    whole = [torch.randn(size, dtype=torch.float64, generator=stream) for size in sizes]
    factors = [torch.randn(size, dtype=torch.float64, generator=stream) for size in sizes]
    mine = [x[rank::2].contiguous(memory_format=torch.channels_last) for x in whole]
    full = [x.requires_grad_() for x in whole]
    half = [x.requires_grad_() for x in mine]
    shared = processes._shared
    before = shared.count
    made = normalized(half, 1e-5)
    assert shared.count == before + 1
    sum((out * f[rank::2]).sum() for (out, _, _), f in zip(made, factors, strict=True)).backward()
    assert shared.count == before + 2
    for x, part, f, (out, mean, biased) in zip(full, half, factors, made, strict=True):
        expected = torch.nn.functional.batch_norm(x, None, None, training=True, eps=1e-5)
        (expected * f).sum().backward()
        torch.testing.assert_close(out, expected[rank::2])
        torch.testing.assert_close(part.grad, x.grad[rank::2])
        torch.testing.assert_close(mean, x.detach().mean((0, 2, 3)))
        torch.testing.assert_close(biased, x.detach().var((0, 2, 3), correction=0))


def _a_weighted_loss_is_that_of_the_whole_batch(rank):
    """Compare loss and gradient, half of the batch here, with torch's of the whole."""
    x = torch.randn(8, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    labels = torch.tensor([0, 2, 0, 1, 0, 2, 1, 2])
    weights = (0.5, 1.5, 4.0)
    nothing = (0.0, 0.0, 4.0)  # of a class that the first process has none of
    for given, smoothing in ((weights, 0.0), (weights, 0.1), (nothing, 0.0)):
        whole, mine = (torch.eye(5, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
        expected = cross_entropy(
            x @ whole, labels, torch.tensor(given).double(), label_smoothing=smoothing
        )
        expected.backward()
        weighted = Loss("cross-entropy", "class", cross_entropy, given)
        found = weighted(x[rank::2] @ mine, labels[rank::2], smoothing)
        found.backward()
        average([mine.grad])
        torch.testing.assert_close(mine.grad, whole.grad)
        torch.testing.assert_close(total(found.detach()) / 2, expected.detach())
    # Measuring is no common step: a process may do it alone.
    alone = Loss("cross-entropy", "class", cross_entropy, weights)(x[:3, :3], labels[:3])
    expected = cross_entropy(x[:3, :3], labels[:3], x.new_tensor(weights))
    torch.testing.assert_close(alone, expected)


def _fresh(layer):
    """Return the running statistics as they were before the first batch."""
    state = {}
    for name, value in layer.state_dict().items():
        if name.endswith("running_mean"):
            state[name] = torch.zeros_like(value)
        if name.endswith("running_var"):
            state[name] = torch.ones_like(value)
    return state


def test_bn_and_averages_over_two_processes_are_those_of_one(tmp_path):
    in_processes(_in_one_of_two, (str(tmp_path),), 2)


_ABANDONED = """
import atexit, os, sys
import torch
import torch.distributed as dist
sys.path[:0] = sys.argv[1].split(os.pathsep)
from test_training_processes import _join, _threads
from nasbench.training.distributed import total, wait

rank = int(sys.argv[2])
atexit.register(lambda: print([name for name in _threads() if "gloo" in name]))  # after leaving
_join(rank, sys.argv[3])
wait()
if rank == 1:
    raise ValueError("a mistake")
while True:
    {what}(torch.zeros(1))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("dist.all_reduce", "RuntimeError"),
        ("total", "nasbench.faults.MachineError: another process of this run has ended"),
    ],
)
def test_an_error_in_one_process_ends_the_other_in_order(tmp_path, what, error):
    code = _ABANDONED.replace("{what}", what)
    folders = Path(__file__).parents[:2]  # of this module, and of those that it imports
    start = [sys.executable, "-c", code, os.pathsep.join(map(str, folders))]
    processes = [
        subprocess.Popen(
            [*start, str(rank), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process, told in zip(processes, (error, "ValueError: a mistake"), strict=True):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (1, "[]\n"), err
        assert told in err.splitlines()[-1], err


def test_alone_nothing_is_averaged():
    tensor = torch.ones(2)
    average([tensor])
    assert total(tensor) is tensor
    assert any_process(True, torch.device("cpu"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE=x: must be a whole number of at least 1"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE=0: must be"),
        ({"WORLD_SIZE": "2"}, "RANK=: must be a whole number from 0 to 1"),
        ({"WORLD_SIZE": "2", "RANK": "5"}, "RANK=5: must be a whole number from 0 to 1"),
        ({"WORLD_SIZE": "1", "RANK": "1"}, "RANK=1: must be a whole number from 0 to 0"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "1"}, "LOCAL_RANK=1: must be"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_PORT=: must be"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "70000"}, "MASTER_PORT=70000: must be"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR is not set"),
    ],
)
def test_an_environment_that_torchrun_does_not_make(monkeypatch, variables, words):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"^{words}"):
        join(torch.device("cpu"))
