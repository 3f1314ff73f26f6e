"""What ``--scale`` leaves of a run, by hand."""

from __future__ import annotations

import re

import pytest

from nasbench.config import HpoConfig, RetrainConfig, SearchConfig
from nasbench.errors import UserError
from nasbench.study.scale import LEAST_STEPS, Scale, passes

LR = {"lr": {"_type": "choice", "_value": [0.1]}}
# 30 epochs of 50,000 images are 1.5 million passes, in 11,719 steps.
LONG = RetrainConfig(epochs=30, batch_size=128, lr=0.1, optimizer="sgd")


def size(config) -> tuple[int, int | None, int]:
    return config.epochs, config.limit_train, config.batch_size


@pytest.mark.parametrize(
    ("factor", "left", "lr"),
    [
        (0.2, (30, 10_000, 128), 0.1),  # 300,000 passes: fewer images, the same epochs
        (0.05, (30, 2_500, 32), 0.05),  # 75,000: 2,344 steps, nearer to 2,000 than 1,172
        (0.02, (30, 1_000, 16), 0.1 / 8**0.5),  # 30,000: 1,875 steps, nearer than 938
        (0.01, (15, 1_000, 16), 0.1 / 8**0.5),  # 15,000: half the epochs
        (0.006, (9, 1_000, 16), 0.1 / 8**0.5),  # 9,000
        (0.0001, (8, 1_000, 16), 0.1 / 8**0.5),  # 500 steps of 16 images, and no fewer
    ],
)
def test_a_training_shrinks_by_images_then_epochs_then_batches(factor, left, lr):
    config = Scale(factor).apply(LONG, 50_000)
    assert size(config) == left
    assert config.lr == pytest.approx(lr)


def test_adam_keeps_its_learning_rate_in_smaller_batches():
    config = Scale(0.01).apply(RetrainConfig(**{**LONG.to_json(), "optimizer": "adam"}), 50_000)
    assert (config.batch_size, config.lr) == (16, 0.1)


@pytest.mark.parametrize(("factor", "batch"), [(0.9, 64), (0.5, 32), (0.3, 16)])
def test_a_short_training_keeps_about_as_many_steps_as_it_has(factor, batch):
    short = RetrainConfig(epochs=60, batch_size=64, val_fraction=0.2)  # 417 steps
    assert Scale(factor).apply(short, 555).batch_size == batch


def test_trials_shrink_last():
    # A trial: 8 epochs of 45,000 images.
    tuning = HpoConfig(epochs=8, batch_size=128, budget="20", val_fraction=0.1, space_content=LR)
    config = Scale(0.05).apply(tuning, 50_000)
    assert (*size(config), config.budget) == (8, 2_500, 16, "20 trials")
    # 8 of 1,000 of 7.2 million are 6 trials of 9,600; eight would have fewer than 500 steps.
    config = Scale(0.008).apply(tuning, 50_000)
    assert (*size(config), config.budget) == (8, 1_334, 16, "6 trials")
    config = Scale(0.0001).apply(tuning, 50_000)
    assert config.budget == "4 trials"
    few = HpoConfig(limit_train=500, budget="2", val_fraction=0.5, space_content=LR)
    assert Scale(0.01).apply(few, 50_000).budget == "2 trials"


@pytest.mark.parametrize("factor", [0.01, 0.05, 0.1, 0.12, 0.3, 0.77])
def test_two_rounds_keep_as_many_trials_as_one(factor):
    one = Scale(factor).apply(HpoConfig(budget="40"), 60_000).budget
    two = Scale(factor).apply(HpoConfig(budget="20", refine="5%"), 60_000).budget
    assert int(one.split()[0]) == 2 * int(two.split()[0])


def test_other_budgets():
    long = {"epochs": 10, "batch_size": 64, "val_fraction": 0.5, "space_content": LR}
    assert Scale(0.1).apply(HpoConfig(budget="2h", **long), 60_000).budget == "720s"
    # Of 300,000 passes a tenth: epochs of 3,000 images, so the same number of them.
    config = Scale(0.1).apply(HpoConfig(budget="40 epochs", **long), 60_000)
    assert (*size(config), config.budget) == (10, 6_000, 16, "40 epochs")
    # 3,000 passes for each would be too few: 8,000, for 3 trainings of 8.
    config = Scale(0.01).apply(HpoConfig(budget="40 epochs", **long), 60_000)
    assert (*size(config), config.budget) == (10, 1_600, 16, "15 epochs")


@pytest.mark.parametrize("factor", [0.07, 0.1, 0.33, 0.5, 0.9])
@pytest.mark.parametrize(
    "config",
    [
        LONG,
        RetrainConfig(epochs=5, batch_size=100, folds=4),
        SearchConfig(strategy="darts", epochs=50, batch_size=64),
        SearchConfig(strategy="random", budget="10", epochs=5),
        HpoConfig(budget="20", refine="5%", epochs=10, space_content=LR),
        HpoConfig(budget="64 epochs", epochs=8, space_content=LR),
    ],
    ids=["train", "folds", "one-shot", "sampled", "refined", "epochs"],
)
def test_the_passes_are_the_share(config, factor):
    whole, smaller = passes(config, 50_000), passes(Scale(factor).apply(config, 50_000), 50_000)
    assert smaller == pytest.approx(factor * whole, rel=0.02)


@pytest.mark.parametrize("factor", [1e-6, 0.003, 0.05])
@pytest.mark.parametrize("images", [1_437, 5_000, 60_000])
def test_every_training_keeps_steps_to_learn_in(factor, images):
    config = Scale(factor).apply(RetrainConfig(epochs=64, batch_size=96), images)
    epochs, kept, batch = size(config)
    assert epochs * (kept // batch) >= 0.97 * LEAST_STEPS  # whole batches alone
    assert kept >= 1_000


def test_a_training_that_is_short_as_it_is_stays():
    short = RetrainConfig(epochs=2, batch_size=64)  # 10 steps of 336 images
    assert size(Scale(0.01).apply(short, 336)) == (2, 336, 64)


def test_a_batch_size_that_is_searched_stays():
    content = {"batch_size": {"_type": "randint", "_value": [16, 256]}}
    tuning = HpoConfig(budget="40", epochs=10, val_fraction=0.2, space_content=content)
    config = Scale(0.1).apply(tuning, 336)
    assert (*size(config), config.budget) == (10, 336, 64, "4 trials")
    # A trial has at least the 8,000 passes of 500 small batches, as far as there are so many.
    assert size(Scale(0.001).apply(tuning, 2_000)) == (10, 1_000, 64)
    assert size(Scale(0.001).apply(tuning, 336)) == (10, 336, 64)


@pytest.mark.parametrize(
    "values",
    [
        {"_type": "randint", "_value": [16, 1025]},
        {"_type": "choice", "_value": [16, 1024, 64]},
        {"_type": "quniform", "_value": [16, 1024, 16]},
    ],
    ids=["randint", "choice", "quniform"],
)
def test_the_largest_batch_that_is_searched_has_enough_images(values):
    tuning = HpoConfig(budget="4", epochs=8, val_fraction=0.2, space_content={"batchsize": values})
    # 8,000 passes would be 8 epochs of 1,250 images, 1,000 of them to train on.
    assert size(Scale(0.001).apply(tuning, 60_000)) == (7, 1_429, 64)


def test_a_scale_that_is_too_small_names_the_smallest_that_works():
    runs = [(LONG, 50_000), (RetrainConfig(epochs=10, batch_size=16), 6_000)]
    # At least 8,000 passes of each, which are 0.0054 of 1,500,000 and 0.14 of 60,000.
    with pytest.raises(UserError, match=r"--scale 0.001: too little .* is 0.0054") as caught:
        Scale(0.001).check(runs)
    smallest = float(re.search(r"is ([\d.]+)$", str(caught.value))[1])
    Scale(smallest).check(runs)
    Scale(1.0).check([])


def test_the_whole_study_stays_as_it_is():
    config = RetrainConfig(epochs=7)
    assert Scale(1.0).apply(config, 60_000) is config
    assert Scale(1.0).words == ""
    assert "scale 0.05" in Scale(0.05).words


@pytest.mark.parametrize("factor", [0.0, -1.0, 1.5, float("nan")])
def test_a_scale_out_of_range_is_refused(factor):
    with pytest.raises(UserError, match="must be above 0 and up to 1"):
        Scale(factor)


@pytest.mark.parametrize(("sizes", "least"), [([16, 256], 1_000), ([16, 1024], 2_151)])
def test_a_batch_size_that_a_joint_search_tunes_stays_too(sizes, least):
    tuned = {"batch_size": {"_type": "choice", "_value": sizes}}
    given = {"strategy": "tpe", "epochs": 30, "batch_size": 64, "budget": "20", "lr": 0.1}
    config = SearchConfig.from_layers({**given, "tuned": tuned, "val_fraction": 0.5})
    assert config.optimizer == "sgd"
    found = Scale(0.02).apply(config, 50_000)
    assert (found.batch_size, found.lr) == (64, 0.1)
    # Half of the images hold the largest batch and 5 % more; epochs are whole numbers.
    assert least <= found.limit_train < 1.1 * least
