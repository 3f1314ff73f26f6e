"""RSPWS: random search with parameter sharing.

Li, Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019,
section 3.2: uniform paths are trained; then many architectures are judged on a few validation
batches each, and the best few of them on all of the validation half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from nasbench.options import option
from nasbench.space import Arch
from nasbench.strategies.oneshot.base import SearchData
from nasbench.strategies.oneshot.single_path import (
    EvaluationOptions,
    SinglePathStrategy,
    run,
    uniform_search,
)
from nasbench.strategies.recipe import DARTS, NASBENCH201, RECIPES, Recipe


@dataclass(frozen=True)
class RspwsOptions(EvaluationOptions):
    """Options of ``rspws``."""

    candidates: int = 100
    batches: int = option(
        10,
        "Validation batches on which a candidate is evaluated, the same for all.",
        low=1,
        older=1,
    )
    finalists: int = option(
        10, "Best candidates, evaluated again on the whole validation half.", low=1
    )


class RspwsStrategy(SinglePathStrategy):
    """Uniform paths, then a random search in two rounds.

    Raises:
        UserError: the space has a ``ValueChoice``.
    """

    Options = RspwsOptions
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "Li and Talwalkar (arXiv:1902.07638), section 5; searchers/random_weight_share.py, "
            "benchmarks/cnn/darts/darts_wrapper_discrete.py",
            search={"epochs": 300, "grad_clip": 1.0},
            options={"candidates": 1000},
            network={"channels": 24},
        ),
        "nas-bench-201": NASBENCH201.but(
            "NAS-Bench-201 (arXiv:2001.00326); configs/nas-benchmark/algos/RANDOM.config",
            search={"epochs": 250},
            options={"candidates": 100},
        ),
    }
    options: RspwsOptions

    def next_paths(self) -> Sequence[Arch]:
        """Return one uniform path, a function of the seed and the step."""
        return [self.uniform("path", self.number)]

    def select(self, data: SearchData) -> Arch:
        """Return the finalist with the best accuracy on the validation half."""
        images = self.calibration(data, self.options.calibration)
        first = list(islice(data.validation(), self.options.batches))
        search, many = uniform_search(self.domains, self.context), self.options.candidates
        few = min(self.options.finalists, many)
        results = run(
            search,
            lambda arch: self.judge(arch, images, first),
            many,
            lambda done, total: data.tick(done, total + few),
        )
        ranked = sorted(results, key=lambda result: -result.score)[:few]
        scores: dict[Arch, float] = {}
        for done, result in enumerate(ranked, start=many):
            data.tick(done, many + few)
            scores[result.arch] = self.judge(result.arch, images, data.validation())
        return max(scores, key=lambda arch: scores[arch]) if scores else self.derive()
