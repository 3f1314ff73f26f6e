from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from nasbench.config import (
    HpoConfig,
    RetrainConfig,
    SearchConfig,
    TaskConfig,
    TrainingConfig,
    TrialsConfig,
    flag,
    read_yaml,
)
from nasbench.errors import UserError


def test_later_layers_win_and_none_leaves_alone():
    config = SearchConfig.from_layers(
        {"epochs": 2, "lr": 0.5, "task": "mnist"}, {"epochs": 3, "lr": None}, {"batch-size": 7}
    )
    assert (config.epochs, config.lr, config.task, config.batch_size) == (3, 0.5, "mnist", 7)
    assert config.momentum == SearchConfig().momentum


def test_json_and_back():
    config = SearchConfig(data_dir=Path("a/b"), limit_train=5, strategy_options={"order": 2})
    plain = json.loads(json.dumps(config.to_json()))
    assert plain["data_dir"] == "a/b"
    assert SearchConfig.from_layers(plain) == config


@pytest.mark.parametrize("kind", [SearchConfig, RetrainConfig, HpoConfig])
def test_dictionaries_are_not_shared(kind):
    kind().space_arguments["x"] = 1
    assert kind().space_arguments == {}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("lr", 1, 1.0),
        ("lr", "1e-3", 0.001),  # YAML 1.1 takes it for a text
        ("out", "x/y", Path("x/y")),
        ("data_dir", Path("x"), Path("x")),
        ("limit_train", 5, 5),
        ("device", "cuda:1", "cuda:1"),
    ],
)
def test_values_that_serve(name, value, expected):
    made = getattr(TrainingConfig.from_layers({name: value}), name)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", "3", "--epochs '3': must be of type int"),
        ("epochs", 3.0, "--epochs 3.0: must be of type int"),
        ("epochs", True, "--epochs True: must be of type int"),
        ("lr", "fast", "--lr 'fast': must be of type float"),
        ("lr", False, "--lr False: must be of type float"),
        ("limit_train", "all", "--limit-train 'all': must be of type int"),
        ("data_dir", 3, "--data-dir 3: must be of type Path"),
        ("task", ["mnist"], "--task ['mnist']: must be of type str"),
        ("strategy_options", [1], "--strategy-options [1]: must be of type dict"),
        ("epochs", 0, "--epochs 0: must be at least 1"),
        ("limit_train", 1, "--limit-train 1: must be at least 2"),
        ("lr", float("nan"), "--lr nan: must be above 0"),
        ("momentum", 1.0, "--momentum 1.0: must be in [0, 1)"),
        ("val_fraction", 1.0, "--val-fraction 1.0: must be in (0, 1)"),
        ("precision", "fp8", "unknown --precision 'fp8': did you mean fp32? allowed: fp32, bf16"),
        ("preset", "fast", "unknown --preset 'fast': allowed: quick, paper, ranking"),
        ("schedule", "cosin", "unknown --schedule 'cosin': did you mean cosine?"),
        ("plateau_patience", -1, "--plateau-patience -1: must be at least 0"),
        ("step_every", 0.5, "--step-every 0.5: must be of type int"),
        ("step_factor", 0, "--step-factor 0.0: must be above 0"),
        ("grad_clip_value", -0.1, "--grad-clip-value -0.1: must be at least 0"),
        ("epoch", 3, "unknown option 'epoch': did you mean epochs? allowed: metric, also, "),
    ],
)
def test_values_that_do_not_fit(name, value, words):
    with pytest.raises(UserError) as error:
        SearchConfig.from_layers({name: value})
    assert str(error.value).startswith(words)


def test_patience_needs_a_validation():
    with pytest.raises(UserError, match="--patience 3 needs --val-fraction above 0"):
        RetrainConfig(patience=3)
    assert RetrainConfig(patience=3, val_fraction=0.1).patience == 3


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (
            TrialsConfig,
            {"budget": "soon"},
            "--budget 'soon': must look like 20, '40 epochs', 900s",
        ),
        (TrialsConfig, {"budget": "0"}, "--budget '0': must be above 0"),
        (TrialsConfig, {"concurrency": -1}, "--concurrency -1: must be at least 1"),
        (TrialsConfig, {"engine": "slurm"}, "unknown --engine 'slurm': allowed: local, ray"),
        (SearchConfig, {"engine": "nni"}, "unknown --engine 'nni': allowed: local, ray"),
        (HpoConfig, {"engine": "slurm"}, "unknown --engine 'slurm': allowed: local, ray"),
        (TrialsConfig, {"address": "auto"}, "--address auto: is for --engine ray"),
        (HpoConfig, {"engine": "local", "address": "auto"}, "--address auto: is for --engine ray"),
        (TrialsConfig, {"trial_timeout": 0}, "--trial-timeout 0.0: must be above 0"),
        (TrialsConfig, {"gpus_per_trial": -1}, "--gpus-per-trial -1.0: must be at least 0"),
        (SearchConfig, {"max_params": 0}, "--max-params 0: must be at least 1"),
        (SearchConfig, {"max_latency": "fast"}, "--max-latency 'fast': must be of type float"),
    ],
)
def test_trials_that_cannot_be_had(kind, options, words):
    with pytest.raises(UserError) as error:
        kind.from_layers(options)
    assert str(error.value).startswith(words)


def test_trials_on_a_cluster():
    config = SearchConfig.from_layers(
        {"engine": "ray", "address": "auto", "gpus_per_trial": 1, "budget": "2h"}
    )
    assert (config.engine, config.gpus_per_trial, config.budget) == ("ray", 1.0, "2h")


def test_options_that_came_later_are_left_out_at_their_default():
    """Records from before them hold nothing of them, and are repetitions all the same."""
    later = (
        "grad_clip_value",
        "step_every",
        "step_factor",
        "plateau_patience",
        "folds",
        "nesterov",
        "weights",
        *(entry.name for entry in fields(TaskConfig)),
    )
    plain = RetrainConfig().compared()
    assert plain == {
        k: v
        for k, v in RetrainConfig().to_json().items()
        if k not in (*later, *NOT_COMPARED[RetrainConfig])
    }
    given = RetrainConfig(step_every=2, grad_clip_value=0.1).compared()
    assert given == {**plain, "step_every": 2, "grad_clip_value": 0.1}


PLACE = {"out", "data_dir", "device"}
TRIALS = {"engine", "gpus_per_trial", "trial_timeout", "address"}
BEFORE = {"tune", "start_from", "learn_from"}  # a result depends on what they stand for
NOT_COMPARED = {
    SearchConfig: {
        "seed",
        "table",
        "dataset",
        "auto_batch",
        "processes",
        *BEFORE,
        *PLACE,
        *TRIALS,
    },
    HpoConfig: {"seed", "search_space", "model", *PLACE, *TRIALS},
    RetrainConfig: {"seed", "auto_batch", "processes", "space", "task", "weights", *PLACE},
}


@pytest.mark.parametrize("kind", NOT_COMPARED)
def test_options_that_may_differ_between_repetitions(kind):
    """Pinned: an option more or fewer would part new records from the old ones."""
    later = {e.name for e in fields(kind) if e.metadata["later"]}
    names = {e.name for e in fields(kind)}
    assert set(kind().compared()) == names - later - NOT_COMPARED[kind]


def test_options_that_say_where_a_run_is_carried_out():
    assert SearchConfig.placing() == {"auto_batch", "processes", *BEFORE, *PLACE, *TRIALS}
    assert HpoConfig.placing() == {"search_space", *PLACE, *TRIALS}
    assert RetrainConfig.placing() == {"auto_batch", "processes", "weights", *PLACE}


def test_flags():
    assert flag("val_fraction") == "--val-fraction"
    for kind in (SearchConfig, RetrainConfig, HpoConfig):
        assert all(entry.metadata["help"].endswith((".", "]")) for entry in fields(kind))


def test_read_yaml(tmp_path):
    path = tmp_path / "options.yaml"
    path.write_text("epochs: 3\noptions:\n  order: 2\n1: x\n")
    assert read_yaml(path) == {"epochs": 3, "options": {"order": 2}, "1": "x"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1\n", "not YAML: "),
        (b"\ta: 1\n", "not YAML: "),
        (b"a: !!python/object:os.system x\n", "not YAML: "),
        (b"- a\n", "expected 'option: value' lines"),
        (b"", "expected 'option: value' lines"),
        (b"\xff\xfe\xfd", "cannot be read: "),
    ],
)
def test_read_yaml_of_bad_files(tmp_path, content, words):
    path = tmp_path / "options.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"--config {path}: {words}")
    assert "\n" not in str(error.value)


def test_read_yaml_without_a_file(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read: No such file or directory$"):
        read_yaml(tmp_path / "gone.yaml")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("name", ["lr", "final_lr", "weight_decay", "grad_clip"])
def test_a_number_without_end_is_refused(name):
    with pytest.raises(UserError, match=rf"{flag(name)} inf: must be a finite number"):
        SearchConfig(**{name: float("inf")})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"concurrency": 10**23}, "--concurrency 10000000000000000000...: must be at most 1,024"),
        ({"epochs": 10**7}, "--epochs 10000000: must be at most 1,000,000"),
        ({"lr": 10**299}, "--lr inf: must be a finite number"),
        ({"trial_timeout": 1e10}, "--trial-timeout 10000000000.0: must be at most 100,000,000"),
        ({"out": "a\0b"}, r"--out 'a\x00b': must be the name of a file or folder"),
        ({"data_dir": "\ud800"}, r"--data-dir '\ud800': must be the name of a file or folder"),
        ({"budget": "9" * 50}, f"--budget '{'9' * 40}': must be at most 1,000,000,000 trials"),
    ],
)
def test_numbers_and_names_that_no_run_has(given, words):
    with pytest.raises(UserError) as caught:
        SearchConfig.from_layers(given)
    assert str(caught.value) == words
