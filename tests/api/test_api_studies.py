"""``nb.study``: a study of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import nasbench as nb

STUDY = {
    "name": "small",
    "task": "digits",
    "seeds": 1,
    "defaults": {"epochs": 1, "limit_train": 100, "batch_size": 20},
    "entries": {
        "searched": {"search": "random", "space": "mobilenet-skip", "budget": 1},
        "tested": {"retrain": "searched"},
    },
}


@pytest.mark.slow
def test_a_study_is_planned_run_and_read(here, capsys):
    Path("study.yaml").write_text(yaml.safe_dump(STUDY))
    plan = nb.study("study.yaml", dry_run=True, quiet=True)
    assert "2 runs" in repr(plan) or "searched" in repr(plan)
    assert not plan.lines
    done = nb.study("study.yaml", device="cpu", quiet=True)
    assert [line[0] for line in done.lines] == ["searched", "tested"]
    assert done.folder == Path("results/studies/small")
    assert done.folder / "README.md" in done.written
    assert "tested" in repr(done)
    assert "<table" in done._repr_html_()
    assert len(done.leaderboard) == 1
    assert "nb.study('study.yaml'" in (done.folder / "README.md").read_text()
    assert capsys.readouterr() == ("", "")
    again = nb.study("study.yaml", device="cpu", quiet=True)  # nothing is missing
    assert again.lines == done.lines


def test_mistakes(here):
    with pytest.raises(nb.UserError, match=r"missing\.yaml"):
        nb.study("missing.yaml")
    Path("study.yaml").write_text(yaml.safe_dump(STUDY))
    with pytest.raises(nb.UserError, match="gpus_per_trial=1 needs engine=local or ray"):
        nb.study("study.yaml", gpus_per_trial=1.0)
    with pytest.raises(nb.UserError, match="scale=2"):
        nb.study("study.yaml", scale=2.0)
