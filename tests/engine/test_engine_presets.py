"""``quick`` counts the steps of a small data set, not its epochs."""

from __future__ import annotations

import pytest

from nasbench.engine.presets import (
    MOST_EPOCHS,
    OWN_LIMIT,
    RANKING_STEPS,
    RETRAIN_STEPS,
    SEARCH_STEPS,
    TRIAL_STEPS,
    TUNING_STEPS,
    Amount,
    default_space,
    hpo_defaults,
    retrain_defaults,
    search_defaults,
)
from nasbench.engine.search import configure
from nasbench.errors import UserError

OWN = "images/"


def taken(chosen: dict, trained: int) -> int:
    """The steps that a training takes: the last incomplete batch of an epoch is dropped."""
    assert 1 <= chosen["batch_size"] <= trained
    return chosen["epochs"] * (trained // chosen["batch_size"])


@pytest.mark.parametrize("images", [2, 3, 5, 12, 40, 100, 240, 300, 999, 2_000, 6_000, 40_000])
def test_a_set_of_any_size_gets_enough_steps_within_the_bound(images):
    half = Amount(images, 0.5)
    of_search = min(images, OWN_LIMIT) / 2
    cases = [
        (search_defaults("quick", "darts", OWN, False, amount=half), of_search, SEARCH_STEPS),
        (search_defaults("quick", "random", OWN, True, amount=half), of_search, TRIAL_STEPS),
        (hpo_defaults("quick", OWN, half), of_search, TUNING_STEPS),
        (retrain_defaults("quick", OWN, amount=Amount(images, 1.0)), images, RETRAIN_STEPS),
    ]
    for chosen, trained, least in cases:
        steps = taken(chosen, int(trained))
        assert steps >= least or chosen["epochs"] == MOST_EPOCHS
        assert steps <= 1.5 * least or chosen["epochs"] <= 6
    for size in default_space(half)["batch_size"]["_value"]:
        assert size <= max(1, images // 2)


def test_as_many_pictures_as_a_built_in_task_get_its_epochs():
    assert retrain_defaults("quick", OWN, amount=Amount(50_000, 1.0)) == retrain_defaults(
        "quick", "cifar10"
    )
    for strategy, sampled in (("darts", False), ("spos", False), ("random", True)):
        own = search_defaults("quick", strategy, OWN, sampled, amount=Amount(50_000, 0.5))
        assert own == search_defaults("quick", strategy, "cifar10", sampled)
    own = hpo_defaults("quick", OWN, Amount(50_000, 0.5))
    assert own == hpo_defaults("quick", "cifar10")


def test_a_very_large_set_is_passed_through_less_often():
    assert retrain_defaults("quick", OWN, amount=Amount(10**6, 1.0))["epochs"] == 1
    assert retrain_defaults("quick", OWN, amount=Amount(120_000, 1.0))["epochs"] == 2


def test_built_in_tasks_keep_their_epochs_and_a_batch_that_fits():
    for images in (1_437, 500, 300):
        amount = Amount(images, 0.5, own=False)
        chosen = search_defaults("quick", "darts", "digits", False, amount=amount)
        assert chosen == search_defaults("quick", "darts", "digits", False)
    few = search_defaults("quick", "darts", "digits", False, amount=Amount(50, 0.5, own=False))
    assert (few["epochs"], few["batch_size"]) == (8, 16)


def test_what_the_user_gives_decides_the_rest():
    amount = Amount(240, 1.0)
    chosen = retrain_defaults("quick", OWN, amount=amount, given={"batch_size": 8})
    assert chosen["epochs"] == -(-RETRAIN_STEPS // 30)
    assert "limit_train" not in search_defaults(
        "quick", "darts", OWN, False, amount=Amount(9_000, 0.5), given={"limit_train": 9_000}
    )


def test_a_batch_of_a_search_fits_in_the_smaller_half():
    for share in (0.9, 0.1):
        chosen = search_defaults("quick", "darts", OWN, False, amount=Amount(300, share))
        assert chosen["batch_size"] <= 30


def test_a_batch_of_a_paper_is_not_larger_than_the_data():
    whole = search_defaults("paper", "darts", OWN, False)
    few = search_defaults("paper", "darts", OWN, False, amount=Amount(100, 0.5))
    assert few == {**whole, "batch_size": 32}
    assert search_defaults("paper", "darts", OWN, False, amount=Amount(200, 0.5)) == whole
    whole = retrain_defaults("paper", OWN)
    assert retrain_defaults("paper", OWN, amount=Amount(64, 1.0)) == {**whole, "batch_size": 64}


def ranking(amount: Amount, **given: object) -> dict:
    return search_defaults("ranking", "spos", OWN, False, amount=amount, given=given)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("images", [1_437, 2_000, 50_000, 500_000, 10**8])
def test_a_supernet_that_ranks_takes_the_steps_that_were_measured(images, own):
    chosen, trained = ranking(Amount(images, 0.9, own=own)), int(0.9 * images)
    assert "limit_train" not in chosen
    steps = taken(chosen, trained)
    assert RANKING_STEPS <= steps < RANKING_STEPS + trained // chosen["batch_size"]


def test_a_supernet_that_ranks_takes_them_with_another_batch_too():
    chosen = ranking(Amount(50_000, 0.9, own=False), batch_size=256)
    assert chosen["epochs"] == -(-RANKING_STEPS // (45_000 // 256))


def test_the_preset_for_ranking_is_the_recipe_of_the_page():
    chosen = ranking(Amount(50_000, 0.9, own=False))
    page = {"epochs": 101, "batch_size": 64, "lr": 0.1, "val_fraction": 0.1}
    assert {name: chosen[name] for name in page} == page


def test_a_search_counts_the_images_that_the_preset_leaves_for_training():
    asked = {"strategy": "spos", "space": "nas-bench-201", "preset": "ranking"}
    config = configure(asked, {}).config  # 1,437 digits
    assert config.val_fraction == 0.1
    assert config.epochs == -(-RANKING_STEPS // (1_293 // 64))
    assert config.space_arguments == {"channels": 8, "cells": 1}
    half = configure({**asked, "val_fraction": 0.5}, {}).config
    assert half.epochs == -(-RANKING_STEPS // (718 // 64))
    assert configure({**asked, "epochs": 3}, {}).config.epochs == 3


def test_other_strategies_have_no_preset_for_ranking():
    with pytest.raises(UserError, match=r"strategies spos and rspws, not darts$"):
        configure({"strategy": "darts", "preset": "ranking"}, {})
