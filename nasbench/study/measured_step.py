"""How long a run of a study takes, from a step of its training on made-up images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nasbench.config import HpoConfig, SearchConfig, TrainingConfig
from nasbench.engine.checkpoints import Architecture, open_model, retrain_arguments, space_of
from nasbench.engine.hyperparameters import choices_of_model
from nasbench.engine.measured_step import Stopwatch, checkpoint_of, random_networks
from nasbench.engine.problem import load_space
from nasbench.engine.search import load_strategy
from nasbench.errors import UserError
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.study.plan import ConfiguredRun, Plan, Step


class MeasuredSteps:
    """Measures the seconds of a pass, once for entries that train the same network alike.

    Args:
        plan: the study.
        done: the run folder of each step that succeeded.
    """

    def __init__(self, plan: Plan, done: Mapping[Step, Path]) -> None:
        self.plan, self.done = plan, done
        self.watch = Stopwatch(plan.task, str(plan.given.get("device") or "auto"))

    def seconds_per_pass(self, step: Step) -> float | None:
        """Return the seconds that a training image takes, forward and backward.

        Args:
            step: a run of the study; of a network that is yet to be found, a random one of the
                space is measured, and of several networks the mean.

        Returns:
            ``None`` if the network cannot be built before the run.
        """
        try:
            run = self._configured(step)
            config = self.plan.options(step) if run is None else run.config
            if isinstance(config, SearchConfig) and issubclass(
                load_strategy(config.strategy), OneShotStrategy
            ):
                return self.watch.of_search(config)
            found = self._networks(step, config)
            times = [self.watch.of_network(network, config) for network in found]
            return float(np.mean(times)) if times else None
        except (UserError, ValueError):  # reported when the run would start
            return None

    def _configured(self, step: Step) -> ConfiguredRun | None:
        """Return a run that could start now; ``None`` if its source has no result."""
        source = self.plan.source(step)
        if source is not None and source not in self.done:
            return None
        return self.plan.configure(step, self.done[source] if source else None)

    def _networks(self, step: Step, config: TrainingConfig) -> Iterator[Architecture]:
        """Yield what a run trains."""
        source, run, spec = self.plan.source(step), self._configured(step), self.plan.task.spec
        if isinstance(config, HpoConfig) and (run is not None or source is None):
            for name in choices_of_model(config.space_content) or [config.model]:
                model = open_model(name)
                own = config.space_arguments if name == config.model else {}
                kept = {**model.space.get("arguments", {}), **own}
                yield Architecture.of(model, spec=spec, space_arguments=kept)
        elif isinstance(config, SearchConfig):
            yield self._random(config, config.space_arguments)
        elif run is not None and run.checkpoint is not None:
            own = getattr(config, "space_arguments", {})
            space = space_of(run.checkpoint, getattr(config, "space", None))
            yield Architecture.of(run.checkpoint, space, spec, own)
        elif source is not None:
            found = self.plan.options(source)
            if isinstance(found, SearchConfig) and step.entry.verb == "retrain":
                given, space = step.entry.arguments, load_space(found.space)
                checkpoint = checkpoint_of(found, spec, {})
                yield self._random(
                    found, retrain_arguments(space, checkpoint, config.preset, given)
                )
            else:
                yield from self._networks(source, found)

    def _random(self, config: SearchConfig, arguments: Mapping[str, Any]) -> Architecture:
        """Return a random network of a search's space."""
        return next(random_networks(config, self.plan.task.spec, arguments, 1, 0))
