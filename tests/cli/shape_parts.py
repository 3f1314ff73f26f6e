"""Tasks and spaces of other shapes than images: signals, tokens, vectors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from examples.signals import Signals
from examples.signals import load as load_signals
from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace
from nasbench.tasks.base import Task

__all__ = ["Signals", "load_signals"]
WORDS, LENGTH, FEATURES = 20, 12, 6


def load_tokens(data_dir=None, download: bool = True) -> Task:
    """Sequences of 12 tokens of 20: the class is the third of the vocabulary that is left out."""
    stream = np.random.default_rng(0)
    labels = np.arange(360) % 3
    kept = [
        np.setdiff1d(np.arange(WORDS), np.arange(5 * label, 5 * label + 5)) for label in range(3)
    ]
    tokens = np.stack([stream.choice(kept[label], LENGTH) for label in labels])
    train, test = (tokens[:300], labels[:300]), (tokens[300:], labels[300:])
    return Task.from_arrays("tokens", train, test, classes=3, vocabulary=WORDS)


def load_vectors(data_dir=None, download: bool = True) -> Task:
    """Vectors of six features: the class is the sign of the product of the first two."""
    stream = np.random.default_rng(0)
    features = 5 + 3 * stream.standard_normal((400, FEATURES))
    labels = ((features[:, 0] > 5) == (features[:, 1] > 5)).astype(int)
    train, test = (features[:320], labels[:320]), (features[320:], labels[320:])
    return Task.from_arrays("vectors", train, test)


class Tokens(SearchSpace):
    """Eight networks over embedded tokens.

    Args:
        spec: the shape of the data.
        width: numbers of an embedding.
    """

    def __init__(self, spec: DataSpec, *, width: int = 8) -> None:
        super().__init__(spec)
        layers = {
            "conv": lambda: nn.Conv1d(width, width, 3, padding=1),
            "skip": nn.Identity,
        }
        self.words = nn.Embedding(spec.vocabulary, width)
        self.first = LayerChoice(layers, label="first")
        self.norm = nn.BatchNorm1d(width)
        self.second = LayerChoice(layers, label="second")
        self.join = InputChoice(2, 1, label="join")
        self.head = nn.Linear(width, spec.outputs)

    def forward(self, x):
        x = self.words(x).transpose(1, 2)
        a = torch.relu(self.norm(self.first(x)))
        return self.head(self.join([a, self.second(a)]).mean(dim=2))


class Vectors(SearchSpace):
    """Four networks over vectors of features.

    Args:
        spec: the shape of the data.
        width: hidden units.
    """

    def __init__(self, spec: DataSpec, *, width: int = 16) -> None:
        super().__init__(spec)
        (features,) = spec.shape
        layers = {
            "linear": lambda: nn.Linear(width, width),
            "deep": lambda: nn.Sequential(
                nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
            ),
        }
        self.stem = nn.Sequential(nn.Linear(features, width), nn.BatchNorm1d(width), nn.ReLU())
        self.first = LayerChoice(layers, label="first")
        self.second = LayerChoice(layers, label="second")
        self.head = nn.Linear(width, spec.outputs)

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(self.stem(x))))))


class PlainVectors(SearchSpace):
    """A network without choices, for a tuning.

    Args:
        spec: the shape of the data.
        width: hidden units.
    """

    def __init__(self, spec: DataSpec, *, width: int = 8) -> None:
        super().__init__(spec)
        (features,) = spec.shape
        self.body = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.head = nn.Linear(width, spec.outputs)

    def forward(self, x):
        return self.head(self.body(x))
