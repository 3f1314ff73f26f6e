"""What TensorBoard shows of trials, of the test and of the network that was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.cli import main
from nasbench.engine.callbacks import TensorBoardCallback
from nasbench.engine.session import Session
from nasbench.engine.trial_events import MOST, TrialEvents
from nasbench.nn.processes import Place
from nasbench.store.runs import RunFolder

pytest.importorskip("torch.utils.tensorboard")
pytestmark = pytest.mark.usefixtures("graphs")
SMALL = ["--limit-train", "100", "--batch-size", "20", "--device", "cpu"]


def read(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(one.step, pytest.approx(one.value, rel=1e-6)) for one in read(folder).Scalars(tag)]


def hparams(folder: Path) -> tuple[dict, str]:
    """Return the hyperparameters of a trial and the tag of its metric."""
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    found, tag = {}, ""
    contents = read(folder).summary_metadata
    for name, one in contents.items():
        if one.plugin_data.plugin_name != metadata.PLUGIN_NAME:
            continue
        data = plugin_data_pb2.HParamsPluginData.FromString(one.plugin_data.content)
        if name == metadata.SESSION_START_INFO_TAG:
            for key, value in data.session_start_info.hparams.items():
                found[key] = getattr(value, value.WhichOneof("kind"))
        if name == metadata.EXPERIMENT_TAG:
            (metric,) = data.experiment.metric_infos
            tag = metric.name.tag
    return found, tag


def run_of(tmp_path: Path) -> RunFolder:
    (path,) = (tmp_path / "results" / "runs").iterdir()
    return RunFolder(path)


def test_trials_of_a_tuning_have_curves_and_hyperparameters(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("space.json").write_text(json.dumps({"lr": {"_type": "choice", "_value": [0.01, 0.1]}}))
    words = "hpo small-cnn --tuner grid --budget 2 --epochs 2 --search-space space.json"
    assert main([*words.split(), *SMALL]) == 0
    run = run_of(tmp_path)
    trials = list(run.journal.events("trial"))
    assert len(trials) == 2
    for trial in trials:
        folder = run.path / "tb" / f"trial-{trial['number']:04}"
        found, tag = hparams(folder)
        assert found == trial["parameters"]
        assert tag == "val_accuracy"
        assert points(folder, tag)[-1] == (2, trial["score"])
        epochs = [e for e in run.journal.events("epoch") if e["trial"] == trial["number"]]
        assert points(folder, "loss") == [(e["epoch"], e["loss"]) for e in epochs]
    assert read(run.path / "tb").Graph().node


def test_trials_of_a_sampled_search_have_curves_and_decisions(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "search random --space mobilenet-skip --budget 2 --epochs 1"
    assert main([*words.split(), *SMALL]) == 0
    run = run_of(tmp_path)
    trials = list(run.journal.events("trial"))
    assert len(trials) == 2
    for trial in trials:
        folder = run.path / "tb" / f"trial-{trial['number']:04}"
        found, tag = hparams(folder)
        assert found["architecture"] == trial["arch_id"]
        assert {key: value for key, value in found.items() if key in trial["arch"]} == {
            key: value if isinstance(value, str | int | float) else json.dumps(value)
            for key, value in trial["arch"].items()
        }
        assert points(folder, tag) == [(1, trial["score"])]
    assert read(run.path / "tb").Graph().node


@pytest.fixture
def events(tmp_path) -> TrialEvents:
    folder = RunFolder.create(tmp_path, "hpo", "x", {"task": "digits", "seed": 0})
    running = Session(folder, None, Place(0, 1), None)  # type: ignore[arg-type]
    return TrialEvents(running, "accuracy")


def test_the_reports_of_a_worker_are_the_curve(events):
    events.write(7, {"units": [8, 16]}, 0.75, [0.5, 0.75])
    folder = events.folder / "trial-0007"
    assert points(folder, "val_accuracy") == [(1, 0.5), (2, 0.75)]
    assert hparams(folder)[0] == {"units": "[8, 16]"}


def test_a_failed_trial_leaves_no_epochs_to_the_next(events):
    events.epoch({"epoch": 1, "loss": 9.0})
    events.discard()
    events.epoch({"epoch": 1, "loss": 2.0})
    events.write(1, {"lr": 0.1}, 0.5)
    assert points(events.folder / "trial-0001", "loss") == [(1, 2.0)]


def test_the_number_of_folders_is_limited(events):
    events.write(MOST, {"lr": 0.1}, 0.5)
    assert not events.folder.exists()


def test_the_confusion_matrix_is_a_picture_and_a_table(tmp_path):
    TensorBoardCallback(tmp_path).confusion([[3, 1], [0, 4]], ["cat", "a|b"])
    found = read(tmp_path)
    (image,) = found.Images("confusion, a row for each class")
    assert (image.width, image.height) == (400, 400)
    (text,) = found.Tensors("confusion/text_summary")
    lines = text.tensor_proto.string_val[0].decode().splitlines()
    assert lines[0] == "| class | cat | a/b |"
    assert lines[2:] == ["| **cat** | 3 | 1 |", "| **a/b** | 0 | 4 |"]


def test_the_confusion_matrix_of_many_classes_is_a_picture_alone(tmp_path):
    TensorBoardCallback(tmp_path).confusion([[0] * 40] * 40)
    assert read(tmp_path).Tags()["tensors"] == []


def test_a_retraining_shows_its_confusion_matrix(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "search random --space mobilenet-skip -o width=0.25 --budget 1 --epochs 1"
    assert main([*words.split(), *SMALL]) == 0
    assert main(["retrain", "last", "--epochs", "1", *SMALL]) == 0
    (folder,) = (tmp_path / "results" / "runs").glob("*-retrain-*")
    found = read(folder / "tb")
    (record,) = (tmp_path / "results" / "records").iterdir()
    (text,) = found.Tensors("confusion/text_summary")
    rows = json.loads(record.read_text())["confusion"]
    for row in rows:
        assert f"| {' | '.join(map(str, row))} |" in text.tensor_proto.string_val[0].decode()
    assert found.Graph().node
