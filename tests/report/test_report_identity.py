"""Which records make one row: those that agree in everything that a result depends on."""

from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.engine.search import configure, defaults
from nasbench.report.leaderboard import build
from nasbench.store.records import read_records

RECORDS = Path(__file__).resolve().parents[2] / "results" / "published"
GIVEN = {"kind": "plain", "method": "imported", "search_config": {}, "search_seconds": 0.0}
OWN = {"task": "mine.py:t", "search_config": {"task": "mine.py:t"}}


def names(*records):
    return sorted(row.name for row in build(records, [], None).rows)


def seen(data="d1", test="t1", **code):
    return {"data": data, "test_data": test, "code": code}


def test_two_given_architectures_are_two_rows(record):
    a = record("a", **GIVEN, arch_id="a1", given="g.py:A")
    b = record("b", **GIVEN, arch_id="b1", given="g.py:B", test_accuracy=0.5)
    assert names(a, b) == ["imported (g.py:A)", "imported (g.py:B)"]
    # The same name after an edit, and records of versions without names.
    assert names(a, replace(b, given="g.py:A")) == [
        "imported (g.py:A, a1)",
        "imported (g.py:A, b1)",
    ]
    old = replace(a, given=""), replace(b, given="")
    assert names(*old) == ["imported (a1)", "imported (b1)"]


def test_one_architecture_under_two_names_is_one_row(record):
    a = record("a", **GIVEN, arch_id="a1", given="g.py:A")
    b = record("b", **GIVEN, arch_id="a1", given="h.txt", retrain_seed=1)
    other = record("c", **GIVEN, arch_id="c1")
    assert names(a, b, other) == [
        "imported (c1)",
        "imported (g.py:A = h.txt)",
    ]


def test_architectures_of_a_front_are_chosen_by_the_user(record):
    first = record("a", method="nsga2", arch_id="a1", given="number 1 of the front of r")
    second = record("b", method="nsga2", arch_id="b1", given="number 2 of the front of r")
    assert len(names(first, second)) == 2
    searched = replace(first, given=""), replace(second, given="", search_seed=1)
    assert names(*searched) == ["nsga2"]


def test_an_architecture_that_is_tuned_counts_if_it_was_given(record):
    tuned = {"kind": "hpo", "method": "tpe", "search_config": {"tuner": "tpe"}}
    a = record("a", **tuned, arch_id="a1", given="A.json")
    b = record("b", **tuned, arch_id="b1", given="B.json", search_seed=1)
    assert len(names(a, b)) == 2
    assert names(replace(a, given=""), replace(b, given="")) == ["HPO tpe"]


def test_code_before_and_after_an_edit_are_two_rows(record):
    own = {
        "space": "net.py:Net",
        "search_config": {"epochs": 10, "space": "net.py:Net"},
        "search_provenance": seen(space="f" * 64),
    }
    a = record("a", **own, provenance=seen(space="f" * 64))
    b = record("b", **own, provenance=seen(space="f" * 64), retrain_seed=1)
    assert names(a, b) == ["darts"]
    edited = replace(b, provenance=seen(space="e" * 64), search_provenance=seen(space="e" * 64))
    assert names(a, edited) == [
        "darts (code of the space eeeeeeee)",
        "darts (code of the space ffffffff)",
    ]
    # Edited between search and retraining.
    between = replace(b, run="c", provenance=seen(space="e" * 64))
    assert len(names(a, edited, between)) == 3


@pytest.mark.parametrize("kind", ["strategy", "task", "tuner", "assessor"])
def test_own_code_of_every_kind_counts(record, kind):
    config = {"epochs": 10, "task": "digits", kind: "mine.py:X"}
    hpo = {"kind": "hpo"} if kind in ("tuner", "assessor") else {}
    a, b = (
        record(
            one, **hpo, search_config=config, search_provenance=seen(**{kind: one}), retrain_seed=n
        )
        for n, one in enumerate("ab")
    )
    assert len(names(a, b)) == 2


def test_two_data_sets_behind_one_name_are_two_rows_that_are_not_compared(record):
    here = [
        record(f"{method}{seed}", **OWN, method=method, search_seed=seed, provenance=seen())
        for method in ("darts", "random")
        for seed in range(5)
    ]
    there = [
        replace(one, run=f"x{one.run}", provenance=seen("d2"), test_accuracy=0.1) for one in here
    ]
    board = build([*here, *there], [], None)
    assert len(board.rows) == 4
    assert all(row.versus_random.points == 0 for row in board.rows if row.method == "darts")
    assert "better" not in " ".join(board.notes)
    assert any("of 2 data sets" in note for note in board.notes)
    tested_elsewhere = [replace(one, provenance=seen("d1", "t2")) for one in there]
    assert len(build([*here, *tested_elsewhere], [], None).rows) == 4


def test_own_data_and_code_that_are_unknown_equal_unknown_ones_only(record):
    old = record("a", **OWN), record("b", **OWN, retrain_seed=1)
    new = record("c", **OWN, retrain_seed=2, provenance=seen(task="f" * 64))
    assert names(*old) == ["darts"]
    assert len(names(*old, new)) == 2
    assert any("unknown" in name for name in names(*old, new))


def test_data_that_everybody_has_alike_may_be_unknown(record):
    old, new = record("a"), record("b", retrain_seed=1, provenance=seen())
    assert names(old, new) == ["darts"]
    changed = record("c", retrain_seed=2, provenance=seen("d2"))
    assert len(names(old, new, changed)) == 3  # which of the two it was is unknown
    gait = [replace(one, task="gait") for one in (old, new)]  # everybody's own recordings
    assert len(names(*gait)) == 2


def test_options_at_their_defaults_neither_split_nor_name_a_row(record):
    old = record("a", search_config={"epochs": 8, "strategy_options": {"arch_lr": 0.1}})
    new = record(
        "b",
        search_config={
            **{"preset": "quick", "epochs": 8, "budget": None, "concurrency": 1},
            **{"max_latency": None, "train_again": False},
            "strategy_options": {"arch_lr": 0.1, "order": 1},
        },
        retrain_config={"epochs": 20, "folds": None, "space_arguments": {"channels": 8}},
        defaults={
            "search": {"budget": None, "strategy_options": {"order": 1, "arch_lr": 0.01}},
            "retrain": {"space_arguments": {"channels": 8}},
        },
        retrain_seed=1,
    )
    assert names(old, new) == ["darts"]
    second = record("c", search_config={"epochs": 8, "strategy_options": {"order": 2}})
    assert names(old, new, second) == [
        "darts (arch lr 0.01, order 2)",
        "darts (arch lr 0.1, order 1)",
    ]


def test_a_missing_option_means_the_default_of_when_it_came(record):
    def of(run, seed, started, **changes):
        return record(run, retrain_seed=seed, provenance={"started": started}, **changes)

    first = {"search": {"strategy_options": {"order": 1}}}
    later = {"search": {"strategy_options": {"order": 2}}}
    old = of("a", 0, "2026-11-20")
    one = of(
        "b",
        1,
        "2026-12-01",
        defaults=first,
        search_config={"epochs": 10, "strategy_options": {"order": 1}},
    )
    two = of(
        "c",
        2,
        "2026-12-24",
        defaults=later,
        search_config={"epochs": 10, "strategy_options": {"order": 2}},
    )
    rows = build([two, one, old], [], None).rows
    assert sorted(row.runs for row in rows) == [1, 2]


def test_an_older_record_may_mean_another_value_than_the_default(record):
    search = configure({"strategy": "rspws"}, {})
    told = defaults(search)
    assert told["strategy_options"]["batches"] == 1  # all there was before the option came
    assert search.config.strategy_options["batches"] == 1
    config = {**search.config.compared(), "revision": search.strategy.revision}
    old = {**config, "strategy_options": {**config["strategy_options"]}}
    del old["strategy_options"]["batches"]
    a = record("a", method="rspws", space="darts", search_config=old)
    b = record(
        "b",
        method="rspws",
        space="darts",
        search_config=config,
        defaults={"search": told},
        retrain_seed=1,
    )
    assert names(a, b) == ["rspws"]


def test_a_search_of_before_its_defaults_changed_is_no_repetition_of_a_new_one(record):
    """Until bananas took expected improvement by default, it drew, and recorded no choice."""
    old = {"initial": 10, "refit": 10, "ensemble": 5, "predictor": "small", "parents": 10}
    told = defaults(configure({"strategy": "bananas"}, {}))
    rows = []
    for key, changed in (
        ("drawn", {"acquisition": "ts", "choose": "score", "predictor": "small"}),
        ("new", {"acquisition": "ei", "choose": "smoothed"}),
    ):
        options = {**told["strategy_options"], **changed}
        rows.append(
            record(
                key,
                method="bananas",
                search_config={"strategy_options": options},
                defaults={"search": told},
            )
        )
    whole = {**rows[0].search_config["strategy_options"], **old}
    del whole["acquisition"], whole["choose"]
    before = record("before", method="bananas", search_config={"strategy_options": whole})
    assert sorted(row.runs for row in build([before, *rows], [], None).rows) == [1, 2]


def test_a_preset_is_its_options(record):
    a = record("a", search_config={"preset": "quick", "epochs": 50})
    b = record("b", search_config={"preset": "paper", "epochs": 50}, retrain_seed=1)
    assert names(a, b) == ["darts"]
    assert names(a, replace(b, search_config={"preset": "paper", "epochs": 10})) == [
        "darts (10 epochs)",
        "darts (50 epochs)",
    ]


@pytest.mark.parametrize(
    ("other", "ours", "theirs"),
    [
        ({"precision": "bf16"}, "fp32", "bf16"),
        ({"limit_train": 100}, "all training examples", "100 training examples"),
        ({"cutout": 16}, "cutout 0", "cutout 16"),
        ({"revision": 2}, "revision 1", "revision 2"),
        ({"optimizer": "adam"}, "sgd", "adam"),
        ({"schedule": "step"}, "cosine", "step"),
        ({"nesterov": True}, "no nesterov", "nesterov"),
        ({"space_arguments": {"layers": 8}}, "layers unset", "8 layers"),
    ],
)
def test_whatever_shapes_a_result_splits_rows(record, other, ours, theirs):
    stage = "search_config" if "revision" in other else "retrain_config"
    a = record("a")
    b = replace(a, run="b", **{stage: {**getattr(a, stage), **other}})
    assert set(names(a, b)) == {f"darts ({ours})", f"darts ({theirs})"}


def test_rows_of_many_differences_name_what_tells_them_apart(record):
    grid = [
        {"optimizer": optimizer, "schedule": schedule, "warmup": warmup, "grad_clip": 1.0 + n}
        for n, optimizer in enumerate(("sgd", "adam", "nadam"))
        for schedule, warmup in (("constant", 0.0), ("step", 0.0), ("cosine", 0.05))
    ]
    rows = [record(f"r{n}", retrain_config={"epochs": 3, **one}) for n, one in enumerate(grid)]
    board = build(rows, [], None)
    labels = {row.label for row in board.rows}
    assert labels == {f"darts on cnn, {one['optimizer']}, {one['schedule']}" for one in grid}
    (note,) = [note for note in board.notes if "also differ in" in note]
    assert note == "task digits: the rows of darts on cnn also differ in warmup, grad clip"


def test_no_two_rows_read_alike(record):
    long = "x" * 100
    a, b = (record(n, retrain_config={"loss": f"{long}{n}{long}"}) for n in "ab")
    labels = [row.label for row in build([a, b], [], None).rows]
    assert len(set(labels)) == 2
    assert max(map(len, labels)) < 120


def test_a_tuning_of_several_networks_and_one_of_its_winner_read_differently(record):
    content = {"model": {"_type": "choice", "_value": ["vgg", "resnet18"]}}
    common = {"kind": "hpo", "method": "tpe", "space": "vgg"}
    several = record("a", **common, search_config={"space_content": content})
    one = record("b", **common, search_config={"space_content": {"lr": {"_type": "uniform"}}})
    labels = {row.label for row in build([several, one], [], None).rows}
    assert len(labels) == 2
    assert all(label.startswith("HPO tpe on vgg, ") for label in labels)


def test_a_search_on_another_task_is_named(record):
    config = {"epochs": 10, "task": "digits"}
    assert names(record("a", search_config=config)) == ["darts"]
    assert names(record("a", search_config=config, task="mnist")) == ["darts (searched on digits)"]
    place = {"epochs": 10, "task": "/data/images"}
    assert names(record("a", search_config=place, task="images")) == ["darts"]


def test_a_tuning_of_several_networks_is_one_row(record):
    content = {"model": {"_type": "choice", "_value": ["vgg", "resnet18"]}}
    a = record(
        "a",
        kind="hpo",
        method="tpe",
        space="vgg",
        arch={"width": 1},
        search_config={"space_content": content},
        retrain_config={"space_arguments": {"width": 1, "layers": 2}},
    )
    b = replace(a, run="b", space="resnet18", search_seed=1, retrain_config={})
    (row,) = build([a, b], [], None).rows
    assert row.space == "resnet18 or vgg"


SGD = {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.99]}}
OPTIMIZERS = {"_type": "choice", "_value": [SGD, {"_name": "adam"}]}
RATES = {"learning_rate": {"_type": "loguniform", "_value": [0.001, 1.0]}}


def tuned(record, name, arch, retrained, **more):
    content = {"optimizer": OPTIMIZERS, **RATES}
    return record(
        name,
        kind="hpo",
        method="tpe",
        search_config={"space_content": content},
        arch=arch,
        retrain_config={"lr": 0.1, "optimizer": "sgd", "momentum": 0.9, **retrained},
        **more,
    )


def test_a_tuned_option_that_the_user_replaced_is_another_row(record):
    a = tuned(record, "a", {"lr": 0.1}, {"lr": 0.1})
    other_seed = tuned(record, "b", {"lr": 0.3}, {"lr": 0.3}, search_seed=1)
    assert names(a, other_seed) == ["HPO tpe"]
    replaced = tuned(record, "c", {"lr": 0.1}, {"lr": 0.5})
    assert len(names(a, replaced)) == 2


def test_seeds_with_other_branches_of_a_choice_are_one_row(record):
    a = tuned(record, "a", {"optimizer": "sgd", "momentum": 0.7}, {"momentum": 0.7})
    b = tuned(record, "b", {"optimizer": "adam"}, {"optimizer": "adam"}, search_seed=1)
    (row,) = build([a, b], [], None).rows
    assert row.seed_numbers == (0, 1)


def test_the_versions_of_torch_in_a_row_are_noted(record):
    a = record("a", provenance={"versions": {"torch": "2.15.0"}})
    b = record("b", provenance={"versions": {"torch": "2.16.0"}}, retrain_seed=1)
    board = build([a, b], [], None)
    assert len(board.rows) == 1
    assert any("torch 2.15.0 and 2.16.0" in note for note in board.notes)


def test_a_run_of_the_readme_s_command_joins_the_committed_row():
    committed, _ = read_records(RECORDS)
    ours = [one for one in committed if one.method == "darts" and one.task == "digits"]
    (old, *_) = [one for one in ours if one.space == "darts"]
    search = configure({"strategy": "darts"}, {})
    fresh = replace(
        old,
        run="fresh",
        search_config=search.config.compared(),
        search_seed=7,
        provenance={**old.provenance, "data": "d", "test_data": "t"},
        defaults={"search": defaults(search), "retrain": {}},
    )
    rows = [row for row in build([*ours, fresh], [], None).rows if row.space == "darts"]
    assert [(row.name, row.runs) for row in rows] == [("darts", 4)]


JOINT = {"kind": "joint", "method": "tpe"}


def ranges(low):
    return {"strategy": "tpe", "tuned": {"lr": {"_type": "loguniform", "_value": [low, 1.0]}}}


def found(lr):
    return {"arch": {"first": "skip", "training.lr": lr}, "retrain_config": {"lr": lr}}


def test_what_a_joint_search_found_is_no_part_of_its_row(record):
    a = record("a", **JOINT, search_config=ranges(0.1), **found(0.2))
    b = record("b", **JOINT, search_config=ranges(0.1), **found(0.3), search_seed=1)
    assert names(a, b) == ["joint tpe"]
    assert "lr" not in build([a, b], [], None).rows[0].retrain_config


def test_other_ranges_and_a_rate_of_the_users_own_are_other_rows(record):
    a = record("a", **JOINT, search_config=ranges(0.1), **found(0.2))
    wider = record("b", **JOINT, search_config=ranges(0.01), **found(0.2), search_seed=1)
    assert len(names(a, wider)) == 2
    own = replace(a, run="c", retrain_config={"lr": 0.5}, retrain_seed=1)
    assert len(names(a, own)) == 2


def test_an_option_below_one_that_was_not_chosen_is_no_part_either(record):
    below = {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.9]}}
    content = {"optimizer": {"_type": "choice", "_value": [below, {"_name": "adam"}]}}
    config = {"strategy": "tpe", "tuned": content}
    sgd = {"optimizer": "sgd", "momentum": 0.7}
    adam = {"optimizer": "adam", "momentum": 0.9}
    a = record(
        "a",
        **JOINT,
        search_config=config,
        arch={f"training.{name}": value for name, value in sgd.items()},
        retrain_config=sgd,
    )
    b = record(
        "b",
        **JOINT,
        search_config=config,
        arch={"training.optimizer": "adam"},
        retrain_config=adam,
        search_seed=1,
    )
    assert names(a, b) == ["joint tpe"]


def test_architecture_alone_and_both_are_two_rows(record):
    a = record("a", method="tpe", search_config={"strategy": "tpe", "tuned": {}})
    older = record("c", method="tpe", search_config={"strategy": "tpe"}, search_seed=2)
    b = record("b", **JOINT, search_config=ranges(0.1), **found(0.2))
    assert names(a, older, b) == ["joint tpe", "tpe"]
