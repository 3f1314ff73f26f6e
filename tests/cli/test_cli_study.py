"""``nasbench study`` from the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nasbench import provenance
from nasbench.cli import main
from nasbench.report.quantities import duration
from nasbench.store.runs import hold

STUDY = """\
task: digits
seeds: 2
budget: 2
defaults: {epochs: 1, batch_size: 20, limit_train: 200}
entries:
  tuned:
    hpo: small-cnn
    tuner: random
    search_space: {lr: {_type: choice, _value: [0.01, 0.1]}}
  tested: {retrain: tuned, reported: 98.5}
  by hand: {train: small-cnn, lr: 0.05}
"""
FOLDER = Path("results/studies/mine")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch) -> None:
    """Draw no curves, but those of the finished study: they take longer than the runs."""
    monkeypatch.setattr("nasbench.study.report.available", lambda module: False)


@pytest.fixture
def study(place) -> Path:
    path = Path("mine.yaml")
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def _template(tmp_path_factory) -> Path:
    """A folder with the finished study."""
    folder = tmp_path_factory.mktemp("studied")
    (folder / "mine.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["study", "mine.yaml", "--device", "cpu"]) == 0
    return folder


@pytest.fixture
def studied(place, _template) -> Path:
    """The current folder, with the finished study."""
    shutil.copytree(_template, place, dirs_exist_ok=True)
    return place


def runs() -> list[str]:
    return sorted(path.name for path in (FOLDER / "runs").iterdir())


def records() -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(FOLDER.glob("records/*.json"))]


def test_a_study_from_one_file_to_one_table(study, run):
    first = run("study", "mine.yaml", "--device", "cpu")
    assert first.status == 0, first.err
    assert len(runs()) == 6
    made = records()
    assert sorted(r["method"] for r in made) == ["by hand", "by hand", "random", "random"]
    assert [r["test_openings"] for r in made] == [1, 1, 1, 1]
    page = (FOLDER / "README.md").read_text()
    by_hand = [100 * r["test_accuracy"] for r in made if r["method"] == "by hand"]
    # Of 360 test images the largest class has 37: 10.28 % and 1.96 deviations of 1.6 %.
    low = sum(accuracy <= 13.41 for accuracy in by_hand)
    mark = ["", ", 1 of 2 at chance level", ", at chance level"][low]
    half = abs(by_hand[0] - by_hand[1]) / 2
    mean = f"{sum(by_hand) / 2:.2f} \N{PLUS-MINUS SIGN} {half:.2f}"
    assert f"| by hand | train small-cnn | {mean}{mark} |" in page
    assert "98.50" in page
    assert "The test set was opened 4 times" in page
    found = json.loads((FOLDER / "study.json").read_text())
    assert found["entries"]["tuned"]["measured_on"] == "validation"
    assert sorted(found["entries"]["by hand"]["accuracies"]) == pytest.approx(sorted(by_hand))

    again = run("study", "mine.yaml", "--device", "cpu")
    assert again.status == 0
    assert len(runs()) == 6  # what is done is not done again
    assert records() == made


def test_each_seed_is_retrained_from_what_its_own_tuning_found(studied):
    of_tuned = [r for r in records() if r["kind"] == "hpo"]
    assert sorted((r["search_seed"], r["retrain_seed"]) for r in of_tuned) == [(0, 0), (1, 1)]
    assert all(f"-s{r['search_seed']}-" in r["search_run"] for r in of_tuned)
    assert "![training](training.svg)" in (FOLDER / "README.md").read_text()
    assert (FOLDER / "training.svg").is_file()


def test_what_is_to_do_is_told_before(study, run):
    answer = run("study", "mine.yaml", "--dry-run")
    assert answer.status == 0
    assert "mine: 6 runs, 0 of them done" in answer.out
    # half of 200 images train, for two trials of one epoch
    assert "tuned: hpo small-cnn: 0 of 2 done; to do: 2 x 2 trials, up to 200 passes" in answer.out
    assert "by hand: train small-cnn: 0 of 2 done; to do: 2 x 200 passes" in answer.out
    assert not FOLDER.exists()


def test_a_study_at_a_scale_has_a_folder_of_its_own_and_says_so(place, run):
    Path("s.yaml").write_text(
        "task: digits\nentries: {a: {train: small-cnn, epochs: 40, batch_size: 64}}"
    )
    answer = run("study", "s.yaml", "--scale", "0.05", "--device", "cpu")
    assert answer.status == 2  # 500 steps of 16 images are 13.92 % of 40 epochs of 1,437
    assert "the smallest that works for this study is 0.14\n" in answer.err
    answer = run("study", "s.yaml", "--scale", "0.14", "--device", "cpu")
    assert answer.status == 0, answer.err
    folder = Path("results/studies/s@x0.14")
    assert "Made at scale 0.14" in answer.out
    assert "Made at scale 0.14" in (folder / "README.md").read_text()
    (record,) = [json.loads(path.read_text()) for path in folder.glob("records/*.json")]
    assert record["retrain_config"]["epochs"] == 8
    assert record["retrain_config"]["limit_train"] == 1_006
    assert record["test_accuracy"] > 0.3
    board = run("leaderboard", "--results", str(folder))
    assert "Made at scale 0.14" in board.out
    # 40 epochs of all 1,437 images, after 8 of 1,006.
    took = json.loads((folder / "study.json").read_text())["entries"]["a"]["device_seconds"]
    told = run("study", "s.yaml", "--dry-run").out
    assert f"1 x 57.5 k passes, about {duration(57_480 / 8_048 * took)}\n" in told
    assert f"total: about {duration(57_480 / 8_048 * took)} of computing" in told


def test_only_some_entries_and_what_they_use(study, run):
    answer = run("study", "mine.yaml", "--device", "cpu", "--only", "tested")
    assert answer.status == 0, answer.err
    assert len(runs()) == 4
    assert sorted(r["method"] for r in records()) == ["random", "random"]
    page = (FOLDER / "README.md").read_text()
    (line,) = [line for line in page.splitlines() if line.startswith("| by hand |")]
    assert "0" in line.split("|")[5]  # runs
    assert "--only tested" in page
    assert run("study", "mine.yaml", "--device", "cpu").status == 0
    assert len(runs()) == 6


@pytest.mark.slow
def test_a_published_cell_in_a_study(place, run):
    Path("z.yaml").write_text(
        "task: digits\ndefaults: {epochs: 1, limit_train: 200, batch_size: 50}\n"
        "entries: {cell: {retrain: 'zoo:GDAS_V1', options: {channels: 4, layers: 3}}}"
    )
    answer = run("study", "z.yaml", "--device", "cpu")
    assert answer.status == 0, answer.err
    (record,) = [json.loads(p.read_text()) for p in Path("results").rglob("records/*.json")]
    assert (record["method"], record["space"]) == ("zoo:GDAS_V1", "darts")
    assert "1 of 1 done" in run("study", "z.yaml", "--device", "cpu", "--dry-run").out


def test_an_entry_that_fails_harms_only_those_that_use_it(place, run):
    wide = "too wide: {train: small-cnn, options: {width: 0}}\n  tested:"
    Path("f.yaml").write_text(STUDY.replace("seeds: 2", "seeds: 1").replace("tested:", wide))
    answer = run("study", "f.yaml", "--device", "cpu")
    assert answer.status == 2
    assert "entry 'too wide'" in answer.err or "too wide, seed 0 failed" in answer.err
    assert "width=0" in answer.err


@pytest.mark.slow
@pytest.mark.long
def test_several_at_once_give_the_same_results(study, run):
    assert run("study", "mine.yaml", "--device", "cpu").status == 0
    alone = {(r["method"], r["retrain_seed"]): r["test_accuracy"] for r in records()}
    other = run("study", "mine.yaml", "--device", "cpu", "--concurrency", "2", "--out", "other")
    assert other.status == 0, other.err
    found = [json.loads(p.read_text()) for p in Path("other").glob("studies/mine/records/*.json")]
    assert {(r["method"], r["retrain_seed"]): r["test_accuracy"] for r in found} == alone
    told = {r["provenance"]["command"] for r in found}
    assert told == {provenance.public_command(sys.argv)}  # the study's, and no worker's


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_killed_study_goes_on_where_it_was(study, run):
    """After a kill nothing that is done is done again, and the results are the same."""
    command = [sys.executable, "-m", "nasbench", "study", "mine.yaml", "--device", "cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("[3/6]"):
            process.send_signal(signal.SIGKILL)
            break
    process.stderr.close()
    process.wait()
    before = runs()
    assert len(before) in (2, 3)
    assert run("study", "mine.yaml", "--device", "cpu").status == 0
    assert set(before) <= set(runs())
    assert len(runs()) == 6
    whole = run("study", "mine.yaml", "--device", "cpu", "--out", "other")
    assert whole.status == 0
    found = [json.loads(p.read_text()) for p in Path("other").glob("studies/mine/records/*.json")]
    key = "test_accuracy"
    assert sorted(r[key] for r in found) == sorted(r[key] for r in records())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "missing FILE"),
        (("none.yaml",), "none.yaml: cannot be read"),
        (("mine.yaml", "--only", "tined"), "unknown entry 'tined'"),
        (("mine.yaml", "--scale", "2"), "--scale 2: must be above 0 and up to 1"),
        (("mine.yaml", "x.yaml"), "second file 'x.yaml': only allowed after `new`"),
        (("new", "mine.yaml"), "mine.yaml already exists"),
    ],
)
def test_mistakes_are_one_line_and_status_2(study, run, arguments, words):
    answer = run("study", *arguments)
    assert answer.status == 2
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_new_writes_an_example_that_can_be_planned(place, run):
    assert run("study", "new").status == 0
    answer = run("study", "study.yaml", "--dry-run")
    assert answer.status == 0, answer.err
    assert "study: 27 runs" in answer.out


def test_another_study_of_the_same_name_does_not_take_the_folder(place, run):
    tiny = "task: digits\nentries: {NAME: {train: small-cnn, epochs: 1, limit_train: 100}}"
    for folder, name in (("p", "a"), ("q", "b")):
        Path(folder).mkdir()
        Path(folder, "mine.yaml").write_text(tiny.replace("NAME", name))
    assert run("study", "p/mine.yaml", "--device", "cpu").status == 0
    page = (FOLDER / "README.md").read_text()
    answer = run("study", "q/mine.yaml", "--device", "cpu")
    assert answer.status == 2
    assert (
        "holds another study, on digits with a: give this study a different 'name:'" in answer.err
    )
    assert (FOLDER / "README.md").read_text() == page


def test_two_at_once_do_not_do_everything_twice(study, run):
    with hold(FOLDER):
        answer = run("study", "mine.yaml", "--device", "cpu")
    assert answer.status == 2
    assert answer.err == f"error: another process is working in {FOLDER}\n"
    assert not (FOLDER / "runs").exists()


def test_openings_by_runs_that_no_entry_names_any_more_are_counted(place, run):
    text = "task: digits\nentries: {a: {train: small-cnn, epochs: 1, limit_train: 100}}"
    for epochs in (1, 2):
        Path("mine.yaml").write_text(text.replace("epochs: 1", f"epochs: {epochs}"))
        assert run("study", "mine.yaml", "--device", "cpu").status == 0
    page = (FOLDER / "README.md").read_text()
    assert "opened 1 times, once for each final evaluation, and 1 more times by runs of" in page


def test_what_a_broken_run_left_stops_only_those_that_use_it(studied, run):
    for found in FOLDER.glob("runs/*-hpo-*/checkpoint.json"):
        found.write_text("{")
    for record in FOLDER.glob("records/*by_hand*"):
        record.unlink()
    answer = run("study", "mine.yaml", "--device", "cpu")
    assert answer.status == 2
    assert "tested, seed 0 failed: entry 'tested'" in answer.err
    assert "by hand, seed 1: the record of" in answer.err
    assert "is missing or unreadable; delete that folder" in answer.err
    assert len(answer.err.splitlines()) == 3  # a line for each tuning, and the error
