"""Spaces, strategies, tuners and assessors of the tests; workers import it by its name."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import nasbench.nn as elastic
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.tuners.base import Tuner
from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace, ValueChoice
from nasbench.store.journal import Journal
from nasbench.strategies.sampled.base import Proposal, SampledStrategy

SMALL = {"limit_train": 120, "batch_size": 10, "lr": 0.1, "epochs": 1, "device": "cpu"}
TINY = "engine_parts:Tiny"
LAYERS = ("conv3", "conv1", "skip")


class Tiny(SearchSpace):
    """18 networks: two layers of three kinds, and one of two outputs."""

    def __init__(self, spec: DataSpec, *, width: int = 4) -> None:
        super().__init__(spec)
        if width < 1:
            raise ValueError(f"width={width}: must be at least 1")
        layers = {
            "conv3": lambda: nn.Conv2d(width, width, 3, padding=1),
            "conv1": lambda: nn.Conv2d(width, width, 1),
            "skip": nn.Identity,
        }
        self.stem = nn.Sequential(
            nn.Conv2d(spec.channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )
        self.first = LayerChoice(layers, label="first")
        self.second = LayerChoice(layers, label="second")
        self.join = InputChoice(2, 1, label="join")
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.head = nn.Linear(16 * width, spec.classes)

    def forward(self, x):
        a = self.first(torch.relu(self.stem(x)))
        b = self.second(torch.relu(a))
        return self.head(self.pool(self.join([a, b])))


class Summed(SearchSpace):
    """Two convolutions of widths to choose, side by side."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        left, right = (ValueChoice([2, 4], label=label) for label in ("left", "right"))
        self.left = elastic.Conv2d(spec.channels, left, 3, padding=1)
        self.right = elastic.Conv2d(spec.channels, right, 3, padding=1)
        self.norm = elastic.BatchNorm2d(left + right)
        self.head = elastic.Conv2d(left + right, spec.classes, 1)

    def forward(self, x):
        both = torch.cat([self.left(x), self.right(x)], dim=1)
        return self.head(torch.relu(self.norm(both))).mean((2, 3))


def params(arch, width: int = 4, channels: int = 1, classes: int = 10) -> int:
    """How many parameters a :class:`Tiny` has, by the formulas of its layers."""
    layer = {"conv3": 9 * width * width + width, "conv1": width * width + width, "skip": 0}
    fixed = 9 * channels * width + 2 * width + 16 * width * classes + classes
    return fixed + layer[arch["first"]] + layer[arch["second"]]


class Nested(SearchSpace):
    """Seven networks; the smallest is below the branch that looks dear at first."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)

        def inner() -> nn.Module:
            sizes = {f"h{size}": lambda size=size: self._layers(size) for size in (64, 32, 1)}
            return LayerChoice(sizes, label="inner")

        outer = {f"w{size}": lambda size=size: self._layers(size) for size in (8, 16, 24, 48)}
        self.outer = LayerChoice({**outer, "deep": inner}, label="outer")

    def _layers(self, hidden: int) -> nn.Module:
        spec = self.spec
        pixels = spec.channels * spec.height * spec.width
        return nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.Linear(hidden, spec.classes)
        )

    def forward(self, x):
        return self.outer(x)


class Poisoned(Tiny):
    """A :class:`Tiny` whose skip in the first place gives no numbers."""

    def forward(self, x):
        bad = isinstance(self.first.candidates["skip"], nn.Identity) if self._skips() else False
        out = super().forward(x)
        return out * math.nan if bad and self.training else out

    def _skips(self) -> bool:
        return "skip" in self.first.candidates


class Hopeless(Tiny):
    """No network of it gives numbers."""

    def forward(self, x):
        return super().forward(x) * math.nan


class Hungry(Tiny):
    """A :class:`Tiny` that has memory for 30 images in training."""

    def forward(self, x):
        if self.training and len(x) > 30:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(x)


class Mortal(Tiny):
    """Its training kills its process once, in the second epoch, where ``MORTAL`` names a file."""

    def forward(self, x):
        self.steps = getattr(self, "steps", 0) + self.training
        mark = os.environ.get("MORTAL")
        if mark and self.steps == 5:
            try:
                Path(mark).touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


class FullDisk(Tiny):
    """Its trainings find no space on the disk while ``FULL_DISK`` names a file that exists."""

    def forward(self, x):
        mark = Path(os.environ.get("FULL_DISK", "none"))
        if self.training and mark.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "state.pt")
        return super().forward(x)


@dataclass(frozen=True)
class NoneAtAll:
    """No options."""


class Stubborn(SampledStrategy):
    """Proposes one architecture again and again."""

    Options = NoneAtAll

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        return [self.full(next(self.domains.enumerate()))] * n


class InOrder(SampledStrategy):
    """Proposes the architectures in the order of the space."""

    Options = NoneAtAll

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        known = self.known(pending)
        new = [arch for arch in self.domains.enumerate() if arch not in known]
        return [self.full(arch) for arch in new[:n]]


class Longer(SampledStrategy):
    """Trains one architecture for one epoch, then for all of them."""

    Options = NoneAtAll

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        arch = next(self.domains.enumerate())
        done = max((result.epochs for result in self.results), default=0)
        lengths = [length for length in (1, self.context.epochs) if length > done]
        return [Proposal(arch, lengths[0])] if lengths and not pending else []


@dataclass(frozen=True)
class ScriptOptions:
    """What a :class:`Scripted` suggests, in turn, as JSON, and where it notes what it hears."""

    script: str = "[]"
    heard: str = ""
    parents: str = "{}"


class Scripted(Tuner):
    """Suggests what it is told to, and notes every call."""

    Options = ScriptOptions

    def suggest(self, number):
        script = json.loads(self.options.script)
        if number >= len(script):
            return None
        self._note("suggest", number, script[number])
        return script[number]

    def learn(self, number, params, score):
        self._note("learn", number, params, score)

    def fail(self, number, params):
        self._note("fail", number, params)

    def parent(self, number):
        return json.loads(self.options.parents).get(str(number))

    def _note(self, *call):
        if self.options.heard:
            with Path(self.options.heard).open("a") as file:
                file.write(json.dumps(call) + "\n")


@dataclass(frozen=True)
class StopOptions:
    """Trial number to the epoch after which it is ended, as JSON; where calls are noted."""

    after: str = "{}"
    heard: str = ""


class StopsAt(Assessor):
    """Ends trials where it is told to."""

    Options = StopOptions

    def _keep(self, number, history):
        self._note("keep", number, list(history))
        return len(history) != json.loads(self.options.after).get(str(number))

    def end(self, number, completed):
        self._note("end", number, completed)

    def _note(self, *call):
        if self.options.heard:
            with Path(self.options.heard).open("a") as file:
                file.write(json.dumps(call) + "\n")


def heard(path: Path) -> list:
    """The calls that were noted."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(folder: Path, kind: str | None = None) -> list[dict]:
    """The journal's events, without what differs from run to run: times and seconds."""
    found = Journal(folder / "journal.jsonl").events(kind)
    timed = ("time", "seconds", "total_seconds", "measuring", "latency_ms")
    return [{k: v for k, v in event.items() if k not in timed} for event in found]


def new_trainings(folder: Path) -> list[dict]:
    """The trials that were trained, and not answered from memory."""
    return [
        trial for trial in Journal(folder / "journal.jsonl").events("trial") if not trial["known"]
    ]
