"""Every sampled strategy of the house in the suite that plug-in authors run."""

from __future__ import annotations

import pytest

from nasbench.strategies.sampled.asha import AshaStrategy
from nasbench.strategies.sampled.bananas import BananasOptions, BananasStrategy
from nasbench.strategies.sampled.bohb import BohbOptions, BohbStrategy
from nasbench.strategies.sampled.evolution import EvolutionOptions, EvolutionStrategy
from nasbench.strategies.sampled.grid import GridStrategy
from nasbench.strategies.sampled.hyperband import HyperbandStrategy
from nasbench.strategies.sampled.local_search import LocalSearchOptions, LocalSearchStrategy
from nasbench.strategies.sampled.nsga2 import Nsga2Options, Nsga2Strategy
from nasbench.strategies.sampled.random import RandomStrategy
from nasbench.strategies.sampled.reinforce import ReinforceStrategy
from nasbench.strategies.sampled.successive_halving import SuccessiveHalvingStrategy
from nasbench.strategies.sampled.tpe import TpeStrategy
from nasbench.strategies.sampled.training_free import TrainingFreeOptions, TrainingFreeStrategy
from nasbench.testing.problems import below, flat, nested
from nasbench.testing.strategies import SampledStrategySuite


class TestRandom(SampledStrategySuite):
    strategy = RandomStrategy


class TestGrid(SampledStrategySuite):
    strategy = GridStrategy
    seeded = False


class TestEvolution(SampledStrategySuite):
    strategy = EvolutionStrategy
    learns = True


class TestLocalSearch(SampledStrategySuite):
    strategy = LocalSearchStrategy
    learns = True


class TestTpe(SampledStrategySuite):
    strategy = TpeStrategy
    learns = True


class TestReinforce(SampledStrategySuite):
    strategy = ReinforceStrategy
    learns = True


class TestBananas(SampledStrategySuite):
    strategy = BananasStrategy
    options = BananasOptions(candidates=30)
    learns = True


@pytest.mark.slow
class TestBananasWithNetworks(SampledStrategySuite):
    strategy = BananasStrategy
    options = BananasOptions(
        predictor="small", acquisition="ts", choose="score", ensemble=3, candidates=30, refit=20
    )
    learns = True


@pytest.mark.slow
class TestEvolutionWithAPredictor(SampledStrategySuite):
    strategy = EvolutionStrategy
    options = EvolutionOptions(population=10, predictor="gp")


@pytest.mark.slow
class TestLocalSearchWithAPredictor(SampledStrategySuite):
    strategy = LocalSearchStrategy
    options = LocalSearchOptions(starts=5, predictor="gp")


class TestSuccessiveHalving(SampledStrategySuite):
    strategy = SuccessiveHalvingStrategy


class TestHyperband(SampledStrategySuite):
    strategy = HyperbandStrategy


class TestAsha(SampledStrategySuite):
    strategy = AshaStrategy


class TestBohb(SampledStrategySuite):
    strategy = BohbStrategy
    options = BohbOptions(startup=6)


class TestNsga2(SampledStrategySuite):
    strategy = Nsga2Strategy
    options = Nsga2Options(population=10)
    learns = True


class TestTrainingFree(SampledStrategySuite):
    strategy = TrainingFreeStrategy
    options = TrainingFreeOptions(candidates=20)


def test_the_suites_problems_are_as_large_as_it_says():
    # A block is sigmoid, skip, or linear with one of four widths; two of four inputs are chosen.
    assert nested().size == (6 + 6**2 + 6**3) * 6 * 2**2 == 6192
    for limit, fitting in ((3.0, 756), (1.7, 28)):
        violation = below(flat(), limit)
        assert sum(violation(arch) == 0 for arch in flat().enumerate()) == fitting
