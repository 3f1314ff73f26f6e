"""What an NNI experiment file describes, whatever the version of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.algorithms import Algorithm


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes:
        source: the file.
        version: of its schema: 1 for NNI up to 2.2, 2 for later ones.
        name: of the experiment, by default the file's.
        search_space: NNI's search-space JSON, checked.
        command: of a trial, for a shell.
        code_dir: where it runs.
        gpus: of a trial; 0 hides them from it, ``None`` leaves things as they are.
        concurrency: trials at once.
        max_trials: trials in all; ``None`` for no limit.
        max_seconds: of the experiment, after which no trial begins; ``None`` for no limit.
        trial_seconds: of one trial; ``None`` for no limit.
        tuner: what proposes parameters.
        assessor: what stops trials early; ``None`` for nothing.
        training_service: what only NNI's manager heeds, as v2 names it: ``useActiveGpu``,
            ``gpuIndices``, ``maxTrialNumberPerGpu``.
        ignored: the fields of the file that nobody here heeds.
    """

    source: Path
    version: int
    name: str
    search_space: dict[str, Any]
    command: str
    code_dir: Path
    gpus: int | None
    concurrency: int
    max_trials: int | None
    max_seconds: float | None
    trial_seconds: float | None
    tuner: Algorithm
    assessor: Algorithm | None
    training_service: dict[str, Any]
    ignored: tuple[str, ...]

    @property
    def optimize_mode(self) -> str:
        """``minimize`` or ``maximize``: of the tuner, else of the assessor."""
        told = self.tuner.mode or (self.assessor.mode if self.assessor else None)
        return told or "maximize"
