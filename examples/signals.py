"""A task and a search space for signals: examples of another shape than images."""

import numpy as np
from torch import Tensor, nn

from nasbench import Task
from nasbench.space import DataSpec, LayerChoice, SearchSpace

CLASSES = ("low tone", "high tone", "rising chirp", "falling chirp")


def load(data_dir: object = None, download: bool = True) -> Task:
    """Return 1,000 signals of two channels in noise, shape (2, 128), in four classes."""
    stream = np.random.default_rng(0)
    labels, time = np.arange(1_000) % len(CLASSES), np.linspace(0, 1, 128)
    first = np.array([6.0, 18.0, 6.0, 18.0])[labels, None]  # periods per signal
    last = np.array([6.0, 18.0, 18.0, 6.0])[labels, None]
    phase = 2 * np.pi * (first * time + (last - first) * time**2 / 2 + stream.random((1_000, 1)))
    signals = np.stack([np.sin(phase), np.cos(phase)], 1)
    signals += 0.5 * stream.standard_normal(signals.shape)
    train, test = (signals[:800], labels[:800]), (signals[800:], labels[800:])
    return Task.from_arrays("signals", train, test, classes=len(CLASSES))


def conv(c_in: int, c_out: int, kernel: int, dilation: int = 1) -> nn.Module:
    """Return a convolution along the signal that keeps its length, BN and ReLU."""
    layer = nn.Conv1d(c_in, c_out, kernel, padding="same", dilation=dilation, bias=False)
    return nn.Sequential(layer, nn.BatchNorm1d(c_out), nn.ReLU())


class Signals(SearchSpace):
    """256 networks: four layers of four kinds, each before a halving of the length.

    Args:
        width: channels of every layer.
    """

    def __init__(self, spec: DataSpec, *, width: int = 16) -> None:
        super().__init__(spec)
        layers = {
            "conv3": lambda: conv(width, width, 3),
            "conv7": lambda: conv(width, width, 7),
            "dilated": lambda: conv(width, width, 3, dilation=4),
            "skip": nn.Identity,
        }
        self.stem = conv(spec.channels, width, 3)
        blocks = [LayerChoice(layers, label=f"layer {n}") for n in range(1, 5)]
        self.body = nn.Sequential(*(nn.Sequential(one, nn.MaxPool1d(2)) for one in blocks))
        self.head = nn.Linear(width, spec.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map signals (B, C, L) to logits (B, classes)."""
        return self.head(self.body(self.stem(x)).mean(dim=2))
