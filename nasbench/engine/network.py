"""The network of an architecture from anywhere, with its weights where it has been trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nasbench import catalog
from nasbench.config import RetrainConfig
from nasbench.engine.imports import checked, open_checkpoint, spec_of
from nasbench.errors import UserError
from nasbench.seeding import seed_process
from nasbench.space import Arch, DataSpec, SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.supernet.calibrate import calibrate

_CALIBRATION = 16  # images of noise


@dataclass(frozen=True)
class Network:
    """A plain network in evaluation mode.

    Attributes:
        module: it.
        arch: its architecture.
        checkpoint: where that comes from.
        trained: whether its weights are those of a retraining; else they are drawn by seed 0, and
            BN's statistics are those of a batch of noise.
    """

    module: SearchSpace
    arch: Arch
    checkpoint: Checkpoint
    trained: bool

    @property
    def spec(self) -> DataSpec:
        """The shape of its data."""
        return self.module.spec

    @property
    def words(self) -> str:
        """What it is, in a few lines."""
        text = type(self.module).text(self.arch)
        weights = "trained" if self.trained else "untrained"
        name = self.checkpoint.strategy.get("name", "imported")
        head = f"A network of the space {self.checkpoint.space['name']}, {weights}; {name}."
        return f"{head}\n\n{text}\n\nInput: {self.spec}."


def open_network(
    given: str,
    form: str | None = None,
    space: str | None = None,
    task: str | None = None,
    preset: str = "quick",
    assignments: Mapping[str, Any] | None = None,
) -> Network:
    """Return the network that ``given`` stands for.

    Args:
        given: a retraining's run folder, for its weights and arguments; or what
            :func:`open_checkpoint` takes.
        form: see there.
        space: where a user's own space is now.
        task: whose shape a foreign architecture's network gets.
        preset: of the network's arguments, where it has not been trained.
        assignments: arguments of the network, over the preset's.

    Raises:
        UserError: it cannot be built, or its weights do not fit.
    """
    checkpoint = open_checkpoint(given, form, task, space)
    arguments, weights = _trained(Path(given), assignments or {})
    if arguments is None:
        asked = {"preset": preset, "space": space}
        configure = catalog.entry_point("configure")
        arguments = configure(checkpoint, asked, dict(assignments or {})).space_arguments
    kind, _, arch = checked(checkpoint, space)
    seed_process(0, "network")
    module = kind.freeze(arch, spec_of(checkpoint), **arguments)
    if weights is not None:
        try:
            module.load_state_dict(weights)
        except RuntimeError as error:
            line = " ".join(str(error).split())
            raise UserError(f"{given}: its weights do not fit: {line[:200]}") from error
    else:
        # With BN as it begins, features fade from cell to cell, the outputs hardly depend on the
        # image, and no check of them would tell anything.
        shape = module.spec.channels, module.spec.height, module.spec.width
        calibrate(module, [torch.randn(_CALIBRATION, *shape)])
    module.eval()
    return Network(module, arch, checkpoint, weights is not None)


def _trained(
    given: Path, assignments: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the arguments and the weights of a retraining, two ``None`` for anything else."""
    folder = given.parent if given.name == "checkpoint.json" else given
    if not os.path.isfile(folder / "run.json"):  # noqa: PTH113 (a text may be too long)
        return None, None
    info = RunFolder(folder).info
    weights = catalog.entry_point("weights")(folder)
    if info.get("verb") != "retrain" or weights is None:
        return None, None
    if assignments:
        name = next(iter(assignments))
        raise UserError(f"{name}={assignments[name]}: a trained network has its arguments")
    return RetrainConfig.from_layers(info["config"]).space_arguments, weights
