"""Every tuner and assessor of the catalog in the suites that plug-in authors run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.catalog import ASSESSORS, TUNERS, resolve
from nasbench.hpo.assessors.curvefitting import CurvefittingAssessor, CurvefittingOptions
from nasbench.hpo.assessors.hyperband import HyperbandAssessor
from nasbench.hpo.assessors.medianstop import MedianstopAssessor
from nasbench.hpo.tuners import nni, optuna
from nasbench.hpo.tuners.grid import GridOptions, GridTuner
from nasbench.hpo.tuners.random import RandomTuner
from nasbench.testing.assessors import AssessorSuite
from nasbench.testing.tuners import TunerSuite

REPOSITORY = Path(__file__).resolve().parents[2]


class TestRandom(TunerSuite):
    tuner = RandomTuner
    exhausts = True


class TestGrid(TunerSuite):
    tuner = GridTuner
    options = GridOptions(points=3)
    seeded = False
    exhausts = True


class TestTpe(TunerSuite):
    tuner = optuna.TpeTuner
    options = optuna.StartupOptions(n_startup_trials=6)
    exhausts = True
    learns = True


class TestGp(TunerSuite):
    tuner = optuna.GpTuner
    options = optuna.StartupOptions(n_startup_trials=22)
    learns = True
    trials = 30
    seeds = 1


class TestCmaEs(TunerSuite):
    tuner = optuna.CmaEsTuner
    learns = True


class TestQmc(TunerSuite):
    tuner = optuna.QmcTuner


class TestNniTpe(TunerSuite):
    tuner = nni.NniTpeTuner
    options = nni.NniTpeOptions(n_startup_jobs=6)
    huge = False
    exhausts = True
    learns = True


class TestNniRandom(TunerSuite):
    tuner = nni.NniRandomTuner
    exhausts = True


class TestNniGrid(TunerSuite):
    tuner = nni.NniGridTuner
    huge = False
    seeded = False
    exhausts = True


class TestEvolution(TunerSuite):
    tuner = nni.EvolutionTuner
    options = nni.EvolutionOptions(population_size=6)
    learns = True


class TestPbt(TunerSuite):
    tuner = nni.PbtTuner
    options = nni.PbtOptions(population_size=6)
    learns = True


class TestMedianstop(AssessorSuite):
    assessor = MedianstopAssessor


@pytest.mark.slow
class TestCurvefitting(AssessorSuite):
    assessor = CurvefittingAssessor
    options = CurvefittingOptions(start_step=10)
    minimizes = False
    epochs = 12
    trials = 6


class TestHyperband(AssessorSuite):
    assessor = HyperbandAssessor


def _suites(base: type) -> list[type]:
    return [one for one in globals().values() if isinstance(one, type) and issubclass(one, base)]


def test_every_tuner_of_the_catalog_has_a_suite():
    tested = {suite.tuner for suite in _suites(TunerSuite) if suite is not TunerSuite}
    assert tested == {resolve("tuner", name) for name in TUNERS}


def test_every_assessor_of_the_catalog_has_a_suite():
    tested = {suite.assessor for suite in _suites(AssessorSuite) if suite is not AssessorSuite}
    assert tested == {resolve("assessor", name) for name in ASSESSORS}


def test_no_torch_at_load():
    """Only optuna's Gaussian process imports it, when it suggests."""
    code = (
        "import sys\nfrom nasbench.catalog import ASSESSORS, TUNERS, resolve\n"
        "from nasbench.hpo.space import ParameterSpace\n"
        "space = ParameterSpace.of({'x': {'_type': 'uniform', '_value': [0, 1]}})\n"
        "for name in TUNERS:\n"
        "    kind = resolve('tuner', name)\n    kind(space, kind.Options(), 0).suggest(0)\n"
        "for name in ASSESSORS:\n    resolve('assessor', name)\n"
        "import nasbench.hpo.names\nprint('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
