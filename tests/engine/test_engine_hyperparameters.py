"""Whose option a hyperparameter's name means."""

from __future__ import annotations

import pytest

from nasbench.engine import hyperparameters
from nasbench.engine.hyperparameters import TRAINING, Meaning, check, flat, read
from nasbench.errors import UserError


def choice(*values):
    return {"_type": "choice", "_value": list(values)}


def uniform(low, high):
    return {"_type": "uniform", "_value": [low, high]}


def test_names_of_training_and_of_the_network():
    given = {"lr": 0.1, "hidden_size": 64, "optimizer": "adam", "dropout_rate": 0.25}
    assert read(given, "small-cnn") == Meaning(
        "small-cnn",
        {"lr": 0.1, "optimizer": "adam"},
        {"hidden_size": 64, "dropout_rate": 0.25},
    )


@pytest.mark.parametrize(
    ("alias", "option"),
    [
        ("initial_lr", "lr"),
        ("learning_rate", "lr"),
        ("ending_lr", "final_lr"),
        ("drop_path_prob", "drop_path"),
        ("cutout_length", "cutout"),
    ],
)
def test_names_that_other_tools_use(alias, option):
    assert read({alias: 1}, "small-cnn").training == {option: 1}
    check({alias: choice(0.5) if option != "cutout" else choice(2)}, "small-cnn")


@pytest.mark.parametrize(
    "name",
    [
        *("lr", "initial_lr", "weight_decay", "batch_size", "grad_clip", "epochs", "cutout"),
        *("grad_clip_value", "plateau_patience", "step_every", "step_factor"),
        *("ending_lr", "momentum", "warmup", "label_smoothing", "drop_path", "ema"),
        *("hidden_size", "dropout_rate"),
    ],
)
def test_what_the_loop_or_the_network_takes_can_be_tuned(name):
    meant = read({name: 1}, "vgg16")
    of_network = name in ("hidden_size", "dropout_rate")
    assert (len(meant.training), len(meant.arguments)) == (not of_network, of_network)


def test_what_tells_repetitions_apart_or_where_things_lie_cannot():
    assert {"optimizer", "schedule"} <= set(TRAINING)
    assert not {"seed", "device", "out", "data_dir", "preset", "limit_train"} & set(TRAINING)


def test_nested_choices_are_flat_for_the_network():
    nested = {
        "optimizer": {"_name": "sgd", "momentum": 0.5, "schedule": {"_name": "step"}},
        "model": {"_name": "vgg16", "hidden_size": 8},
    }
    assert flat(nested) == {
        "optimizer": "sgd",
        "momentum": 0.5,
        "schedule": "step",
        "model": "vgg16",
        "hidden_size": 8,
    }
    meant = read(nested, "small-cnn")
    assert meant.model == "vgg16"
    assert meant.training == {"optimizer": "sgd", "momentum": 0.5, "schedule": "step"}
    assert meant.arguments == {"hidden_size": 8}


def test_what_another_network_has_is_left_out_here():
    given = {"hidden_size": 8, "dropout_rate": 0.5}
    assert read({**given, "model": "resnet18"}, "vgg16").arguments == {"dropout_rate": 0.5}


@pytest.mark.parametrize("name", ["batch_size", "epochs", "cutout", "hidden_size"])
def test_whole_numbers_that_come_as_floats(name):
    meant = read({name: 32.0}, "small-cnn")
    (value,) = {**meant.training, **meant.arguments}.values()
    assert (value, type(value)) == (32, int)


def test_a_whole_number_serves_as_a_float_and_others_stay():
    meant = read({"lr": 1, "dropout_rate": 0, "optimizer": "adam"}, "small-cnn")
    assert type(meant.arguments["dropout_rate"]) is float
    assert meant.training == {"lr": 1, "optimizer": "adam"}


def test_a_value_of_another_type():
    with pytest.raises(UserError, match=r"^-o hidden_size=2.5: must be of type int$"):
        read({"hidden_size": 2.5}, "small-cnn")


GOOD = {
    "lr": {"_type": "loguniform", "_value": [1e-4, 1e-1]},
    "momentum": uniform(0.0, 1.0),  # 1 itself is next to impossible
    "optimizer": choice({"_name": "adam"}, {"_name": "sgd", "warmup": uniform(0, 0.5)}),
    "batch_size": {"_type": "quniform", "_value": [16, 64, 16]},
    "cutout": {"_type": "randint", "_value": [0, 5]},
    "hidden_size": choice(32, 64.0),
    "weight_decay": {"_type": "qlognormal", "_value": [0, 0.1, 0.1]},
    "model": choice("vgg16", "small-cnn"),
}


def test_a_space_that_fits():
    check(GOOD, "small-cnn")
    for name, parameter in GOOD.items():
        check({name: parameter}, "vgg16")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            {"learning_rat": uniform(0, 1)},
            "unknown parameter 'learning_rat': did you mean learning_rate",
        ),
        ({"seed": choice(1, 2)}, "unknown parameter 'seed': "),
        ({"device": choice("cpu")}, "unknown parameter 'device': "),
        # All trials read and judge the data alike, so a choice among these would be noise.
        ({"loss": choice("mse", "l1")}, "unknown parameter 'loss': "),
        ({"size": choice(16, 32)}, "unknown parameter 'size': "),
        ({"class_weights": choice("balanced")}, "unknown parameter 'class_weights': "),
        (
            {"optimizer": choice({"_name": "sgd", "momentm": uniform(0, 1)})},
            "unknown parameter 'momentm': did you mean momentum",
        ),
        (
            {"optimizer": choice("sgd", "adm")},
            "the search space's parameter 'optimizer': unknown --optimizer 'adm': did you mean",
        ),
        (
            {"optimizer": choice({"_name": "sgdd"})},
            "the search space's parameter 'optimizer': unknown --optimizer 'sgdd': did you mean",
        ),
        (
            {"batch_size": choice(16, 0)},
            "the search space's parameter 'batch_size': --batch-size 0: must be at least 1",
        ),
        (
            {"epochs": choice("many")},
            "the search space's parameter 'epochs': --epochs 'many': must be of type int",
        ),
        (
            {"hidden_size": choice("large")},
            "the search space's parameter 'hidden_size': -o hidden_size=large: must be of type",
        ),
        (
            {"hidden_size": uniform(16, 64)},
            "the search space's parameter 'hidden_size': -o hidden_size=",
        ),
        (
            {"epochs": uniform(1, 9)},
            "the search space's parameter 'epochs': --epochs ",
        ),
        (
            {"cutout": {"_type": "quniform", "_value": [0, 8, 0.5]}},
            "the search space's parameter 'cutout': --cutout ",
        ),
        (
            {"momentum": uniform(0.5, 5.0)},
            "the search space's parameter 'momentum': --momentum ",
        ),
        (
            {"lr": {"_type": "normal", "_value": [0.0, 0.1]}},
            "the search space's parameter 'lr': --lr -",
        ),
        (
            {"lr": uniform(0, 1), "initial_lr": uniform(0, 1)},
            "the search space's 'lr' and 'initial_lr' mean the same",
        ),
        ({"model": uniform(0, 1)}, "the search space's parameter 'model': must be a choice of"),
        ({"model": choice("resnet18", "resnet81")}, "unknown space 'resnet81': did you mean"),
        ({"width": choice(16)}, "unknown parameter 'width': "),  # small-cnn's, not vgg16's
        ({"lr": {"_type": "uniform", "_value": [2, 1]}}, "search space: lr (uniform): low=2 must"),
    ],
)
def test_a_space_that_does_not_fit(content, line):
    with pytest.raises(UserError) as error:
        check(content, "vgg16")
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_the_same_name_in_two_branches_is_no_conflict():
    branches = [{"_name": name, "lr": uniform(0.1, 1)} for name in ("sgd", "adam")]
    check({"optimizer": choice(*branches)}, "small-cnn")


def test_arguments_of_any_network_to_choose_from_are_known():
    check({"model": choice("vgg16", "resnet18"), "hidden_size": choice(8)}, "resnet18")
    with pytest.raises(UserError, match="unknown parameter 'hidden_size'"):
        check({"hidden_size": choice(8)}, "resnet18")


def test_probes_lie_inside():
    assert all(0 < place < 1 for place in hyperparameters.PROBES)
