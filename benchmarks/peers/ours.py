"""First-order DARTS as ``nasbench search`` runs it."""

from __future__ import annotations

from torch import Tensor, device

from nasbench.engine.problem import on_device
from nasbench.space import DataSpec, SearchSpace
from nasbench.strategies.oneshot.base import OneShotContext
from nasbench.strategies.oneshot.darts import DartsStrategy
from nasbench.testing.supernets import PlainSupernets
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from peers.turns import CLASSES, SIZE, Task, Turns
from search_spaces.darts import Darts

SPEC = DataSpec(channels=3, height=SIZE, width=SIZE, classes=CLASSES)


class Supernets(PlainSupernets):
    """Makes supernets laid out in memory as the engine does it."""

    def __call__(self, partial: int = 1, **arguments: object) -> SearchSpace:
        """Return a supernet with every choice open."""
        return on_device(super().__call__(partial, **arguments), device("cpu"))


def strategy(task: Task, fast: bool) -> DartsStrategy:
    """Return DARTS with its defaults, ready for its first step."""
    arguments = {"channels": task.channels, "layers": task.cells}
    domains = Darts.describe(SPEC, **arguments)
    setting = OneShotContext(OptimizerConfig(), Objective(), total_steps=1000)
    made = DartsStrategy(
        Supernets(Darts, arguments, SPEC), domains, DartsStrategy.Options(), setting
    )
    made.mixture.fast = fast
    for label, kept in made.mixture.kept.items():
        made.mixture.keep(label, kept[-task.candidates :])
    made.train()
    return made


def run(task: Task, turns: Turns, fast: bool) -> None:
    """Take all steps."""
    made = strategy(task, fast)
    train, validation = task.images(0, channels_last=True), task.images(1, channels_last=True)

    def step() -> Tensor:
        return made.step(train, validation)["loss"]

    turns.ready(sum(p.numel() for p in made.mixture.weight_parameters))
    turns.take(task.steps, step)
