"""What ``--scale`` leaves of a run, by hand."""

from __future__ import annotations

import pytest

from nasbench.config import HpoConfig, RetrainConfig
from nasbench.errors import UserError
from nasbench.study.scale import Scale


def test_epochs_images_and_trials_shrink_together():
    config = Scale(0.05).apply(HpoConfig(epochs=50, budget="100"), 60_000)
    assert (config.epochs, config.limit_train, config.budget) == (3, 3_000, "6 trials")


def test_there_is_always_enough_to_run():
    config = Scale(0.01).apply(HpoConfig(epochs=8, budget="20"), 50_000)
    assert (config.epochs, config.limit_train, config.budget) == (1, 1_000, "4 trials")
    small = Scale(0.01).apply(HpoConfig(limit_train=500, budget="2"), 50_000)
    assert (small.limit_train, small.budget) == (500, "2 trials")


@pytest.mark.parametrize("factor", [0.01, 0.05, 0.1, 0.12, 0.3, 0.77])
def test_two_rounds_keep_as_many_trials_as_one(factor):
    one = Scale(factor).apply(HpoConfig(budget="40"), 60_000).budget
    two = Scale(factor).apply(HpoConfig(budget="20", refine="5%"), 60_000).budget
    assert int(one.split()[0]) == 2 * int(two.split()[0])


@pytest.mark.parametrize(("budget", "left"), [("2h", "720s"), ("40 epochs", "4 epochs")])
def test_other_budgets(budget, left):
    assert Scale(0.1).apply(HpoConfig(budget=budget), 60_000).budget == left


def test_the_whole_study_stays_as_it_is():
    config = RetrainConfig(epochs=7)
    assert Scale(1.0).apply(config, 60_000) is config
    assert Scale(1.0).words == ""
    assert "scale 0.05" in Scale(0.05).words


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.5, float("nan")])
def test_a_scale_out_of_range_is_refused(factor):
    with pytest.raises(UserError, match="must be above 0 and up to 1"):
        Scale(factor)
