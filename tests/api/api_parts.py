"""A cell of a notebook, and options of a run that takes a moment."""

from __future__ import annotations

CELL = '''\
import torch
from torch import nn

from nasbench import DataSpec, LayerChoice, SearchSpace

WIDTH = 4
LAYERS = {"conv3": 3, "conv1": 1}


def convolution(side):
    return nn.Conv2d(WIDTH, WIDTH, side, padding=side // 2)


class MySpace(SearchSpace):
    """Two convolutions."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.stem = nn.Conv2d(spec.channels, WIDTH, 3)
        layers = {name: convolution(side) for name, side in LAYERS.items()}
        self.body = LayerChoice(layers, label="body")
        self.head = nn.Linear(WIDTH, spec.classes)

    def forward(self, x):
        return self.head(torch.relu(self.body(self.stem(x))).mean((2, 3)))
'''
SMALL = {
    "task": "digits",
    "limit_train": 200,
    "epochs": 1,
    "batch_size": 20,
    "device": "cpu",
    "quiet": True,
}
