import time

import pytest
import torch
from torch import nn

from nasbench.cost.latency import measure_latency


class Sleeper(nn.Module):
    """Takes as long as it is told, longer on its first calls."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds
        self.shapes = []
        self.modes = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        self.modes.append((self.training, torch.is_grad_enabled()))
        time.sleep(self.seconds * (10 if len(self.shapes) <= 2 else 1))
        return images


def test_median_is_the_time_of_a_pass_after_the_warm_up():
    module = Sleeper(0.01)
    latency = measure_latency(module, (3, 4, 5), batch=2, runs=9, warmup=2)
    assert 10.0 <= latency.p10_ms <= latency.median_ms <= latency.p90_ms
    assert latency.median_ms < 50.0  # the warm-up's passes took 100
    assert latency.runs == 9
    assert module.shapes == [(2, 3, 4, 5)] * 11


def test_passes_run_in_evaluation_mode_without_gradients_and_mode_is_restored():
    module = Sleeper(0.0).train()
    measure_latency(module, (1, 2, 2), runs=2, warmup=0)
    assert module.modes == [(False, False)] * 2
    assert module.training


def test_device_is_named():
    latency = measure_latency(nn.Conv2d(1, 1, 1), (1, 4, 4), runs=1, warmup=0)
    assert f"({torch.get_num_threads()} thread" in latency.device


@pytest.mark.gpu
def test_gpu_is_waited_for():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    heavy = nn.Sequential(*(nn.Conv2d(64, 64, 3, padding=1) for _ in range(20))).cuda()
    one = measure_latency(heavy, (64, 128, 128), batch=8, runs=5)
    four = measure_latency(heavy, (64, 128, 128), batch=32, runs=5)
    assert four.median_ms > 2 * one.median_ms  # launches alone would take equally long
    assert one.device == torch.cuda.get_device_name()


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"batch": 0}])
def test_nothing_to_measure_is_refused(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        measure_latency(nn.Identity(), (1, 1, 1), **wrong)
