from __future__ import annotations

import pytest

from nasbench.catalog import PREDICTORS
from nasbench.testing.predictors import PredictorSuite


class TestSmall(PredictorSuite):
    predictor = "small"


@pytest.mark.slow
class TestPaper(PredictorSuite):
    predictor = "paper"


class TestTrees(PredictorSuite):
    predictor = "trees"
    recovers = 0.85


class TestGp(PredictorSuite):
    predictor = "gp"
    recovers = 0.97
    seeded = False


class TestGpWl(PredictorSuite):
    predictor = "gp-wl"
    needs_cells = True
    seeded = False


def test_every_predictor_has_a_suite():
    suites = [one for one in globals().values() if isinstance(one, type)]
    tested = {one.predictor for one in suites if hasattr(one, "predictor")}
    assert tested == set(PREDICTORS)
