"""What a study makes of its runs: figures, curves, costs, and which runs are the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nasbench import catalog
from nasbench.config import RetrainConfig
from nasbench.store.runs import RunFolder
from nasbench.study.file import Study
from nasbench.study.fingerprint import fingerprint, runs_by_fingerprint
from nasbench.study.plan import Plan, Step
from nasbench.study.report import _histories, listing, write_curves
from nasbench.study.results import entry_results
from nasbench.study.runner import Progress
from nasbench.study.scale import Scale, passes


def plan_of(**content) -> Plan:
    study = Study.of({"task": "digits", **content}, "mine")
    return Plan(study, SimpleNamespace(train=range(1_437)), Scale(), {})


def run_folder(out, verb="retrain", **info) -> RunFolder:
    return RunFolder.create(
        out, verb, "x", {"task": "digits", "seed": 0, "status": "done", **info}
    )


def tell(folder: RunFolder, *events) -> None:
    for event in events:
        folder.journal.append("epoch", **event)


def test_folds_that_only_the_defaults_name_are_a_cross_validation(tmp_path):
    plan = plan_of(entries={"a": {"train": "small-cnn"}}, defaults={"folds": 3})
    (line,) = entry_results(plan, Progress(), tmp_path)
    assert line.measured_on == "folds"


def test_a_run_whose_result_is_gone_is_told(tmp_path):
    plan = plan_of(entries={"a": {"train": "small-cnn"}, "b": {"hpo": "small-cnn"}})
    folders = run_folder(tmp_path), run_folder(tmp_path, "hpo", metrics={"val_accuracy": "x"})
    a, b = plan.study.entries.values()
    done = {Step(a, 0): folders[0].path, Step(b, 0): folders[1].path}
    lines = entry_results(plan, Progress(done), tmp_path)
    assert [line.values for line in lines] == [(), ()]
    assert lines[0].failed == (
        f"seed 0: the record of {folders[0].name} is missing or unreadable; "
        "delete that folder to run it again",
    )
    assert "the accuracy of" in lines[1].failed[0]


@pytest.mark.parametrize(
    ("limit", "accuracy", "low"),
    [
        (None, 0.137, 1),  # of 250 images 10 % and 1.96 deviations of 1.9 %
        (None, 0.138, 0),
        (100, 0.183, 1),  # of 50 images 10 % and 1.96 deviations of 4.2 %
        (100, 0.184, 0),
    ],
)
def test_validation_accuracies_at_chance_level(tmp_path, limit, accuracy, low):
    plan = plan_of(entries={"b": {"hpo": "small-cnn"}})
    told = {"config": {"val_fraction": 0.5, "limit_train": limit}}
    told["provenance"] = {"classes": [50] * 10}
    folder = run_folder(tmp_path, "hpo", metrics={"val_accuracy": accuracy}, **told)
    (entry,) = plan.study.entries.values()
    (line,) = entry_results(plan, Progress({Step(entry, 0): folder.path}), tmp_path)
    assert line.at_chance == low
    marked = f"{100 * accuracy:.2f}{', at chance level' if low else ''}"
    assert listing([line]).lines[0][2] == marked


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"derived_val_accuracy": 0.5}, 50.0),  # a supernet of single paths has no other
        ({"derived_val_accuracy": 0.5, "supernet_val_accuracy": 0.6}, 60.0),
        ({"derived_val_accuracy": 0.5, "supernet_val_accuracy": 0.6, "val_accuracy": 0.7}, 70.0),
    ],
)
def test_every_kind_of_search_has_a_validation_accuracy(tmp_path, metrics, shown):
    plan = plan_of(entries={"a": {"search": "spos"}})
    folder = run_folder(tmp_path, "search", metrics=metrics)
    (entry,) = plan.study.entries.values()
    (line,) = entry_results(plan, Progress({Step(entry, 0): folder.path}), tmp_path)
    assert line.values == (shown,)
    assert line.failed == ()


def test_runs_on_other_data_are_not_the_study_s(tmp_path):
    folder = run_folder(tmp_path, "search", config={}, provenance={"data": "d1"})
    assert len(runs_by_fingerprint(tmp_path)) == 1
    assert len(runs_by_fingerprint(tmp_path, {"digits": "d1"})) == 1
    assert runs_by_fingerprint(tmp_path, {"digits": "d2"}) == {}
    assert len(runs_by_fingerprint(tmp_path, {"mnist": "d2"})) == 1  # a checkpoint's own task
    folder.update(provenance={})  # of an earlier version
    assert len(runs_by_fingerprint(tmp_path, {"digits": "d2"})) == 1


@pytest.mark.parametrize("cost", [None, {}, {"device_seconds": None}, [3]])
def test_a_run_that_tells_no_cost(tmp_path, cost):
    plan = plan_of(entries={"b": {"hpo": "small-cnn"}})
    folder = run_folder(tmp_path, "hpo", metrics={"val_accuracy": 0.5}, cost=cost)
    (entry,) = plan.study.entries.values()
    (line,) = entry_results(plan, Progress({Step(entry, 0): folder.path}), tmp_path)
    assert (line.values, line.seconds) == ((50.0,), 0.0)


def test_each_fold_has_a_course_of_its_own(tmp_path):
    folder = run_folder(tmp_path)
    for fold, accuracies in ((1, (0.2, 0.4)), (2, (0.3, 0.5)), (1, (0.25, 0.45))):
        for epoch, accuracy in enumerate(accuracies, 1):
            tell(folder, {"epoch": epoch, "fold": fold, "accuracy": accuracy})
    measure, part, courses = _histories([folder.path])
    assert (measure.name, part) == ("accuracy", "training")
    assert courses == [pytest.approx([25, 45]), pytest.approx([30, 50])]  # told again counts last


def test_epochs_without_numbers_do_no_harm(tmp_path):
    folder = run_folder(tmp_path)
    tell(folder, {}, {"epoch": "one"}, {"epoch": 1, "accuracy": None})
    assert _histories([folder.path])[1:] == ("", [])
    tell(folder, {"epoch": 1, "accuracy": 0.5})
    assert _histories([folder.path])[1:] == ("training", [[50.0]])


def test_curves_tell_their_scale_and_which_accuracy_each_shows(tmp_path):
    pytest.importorskip("matplotlib")
    plan = plan_of(entries={"a": {"train": "small-cnn"}, "b": {"train": "vgg", "epochs": 2}})
    plan = Plan(plan.study, plan.task, Scale(0.25), {})
    done = {}
    for entry, metric in zip(
        plan.study.entries.values(), ("accuracy", "val_accuracy"), strict=True
    ):
        folder = run_folder(tmp_path)
        tell(folder, {"epoch": 1, metric: 0.5}, {"epoch": 2, metric: 0.6})
        done[Step(entry, 0)] = folder.path
    (path,) = write_curves(plan, Progress(done), tmp_path)
    drawn = path.read_text()
    for words in ("mine@x0.25: mean and range over runs", "a (training)", "b (validation)"):
        assert words in drawn


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 3}, 3 * 900),
        ({"epochs": 3, "limit_train": 99_999}, 3 * 900),
        ({"epochs": 3, "limit_train": 300}, 3 * 300),
        ({"epochs": 2, "val_fraction": 0.5}, 2 * 450),
        ({"epochs": 2, "folds": 3}, 3 * 2 * 600),  # three trainings on two thirds
        ({"epochs": 2, "folds": 10}, 10 * 2 * 810),
    ],
)
def test_passes_over_the_images(options, expected):
    assert passes(RetrainConfig(**options), 900) == pytest.approx(expected)


def test_a_moved_study_is_the_same_study():
    def of(place):
        return fingerprint("hpo", {"model": f"{place}/runs/x/checkpoint.json"}, None, {})

    assert of("a") == of("/b/c")
    assert of("a") != fingerprint("hpo", {"model": "a/runs/y/checkpoint.json"}, None, {})


def test_other_code_is_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("class Net: pass")
    config = {"model": "net.py:Net", "task": "digits"}
    code = catalog.fingerprints(config)
    assert list(code) == ["net.py:Net"]
    run_folder(tmp_path, "hpo", config=config, code=code)
    run_folder(tmp_path, "hpo", config={**config, "seed": 1})  # before runs noted their code
    before = set(runs_by_fingerprint(tmp_path))
    assert len(before) == 2
    (tmp_path / "net.py").write_text("class Net: more = 1")
    after = set(runs_by_fingerprint(tmp_path))
    assert len(before & after) == 1  # the one that noted it keeps its key
    assert catalog.fingerprints(config) != code


def test_a_status_that_nobody_knows_is_worth_nothing(tmp_path):
    config = {"model": "small-cnn", "task": "digits"}
    odd, good = (run_folder(tmp_path, "hpo", config=config) for _ in range(2))
    odd.update(status="sleeping")
    (found,) = runs_by_fingerprint(tmp_path).values()
    assert found.name == good.name


def test_a_nested_run_file_is_no_run(tmp_path):
    folder = run_folder(tmp_path)
    (folder.path / "run.json").write_text("[" * 100_000)
    assert runs_by_fingerprint(tmp_path) == {}
