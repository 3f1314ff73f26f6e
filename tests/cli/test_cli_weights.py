"""``nasbench retrain --weights``: from the command line, and not from a file."""

from __future__ import annotations

from pathlib import Path


def test_a_run_starts_from_another(finished, checkpoint, run, small):
    (first,) = Path("results/runs").glob("*-retrain-*")
    words = ("retrain", checkpoint, *small, "--seed", 1, "--json", "--space", "space.py:Tiny")
    done = run(*words, "--weights", first.name)
    assert done.status == 0, done.err
    assert done.json["provenance"]["weights_of"] == first.name
    assert len(done.json["retrain_config"]["weights"]) == 64


def test_a_file_does_not_choose_the_weights(place, run, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("options.yml").write_text("weights: elsewhere.safetensors\nepochs: 1\n")
    words = ("retrain", "zoo:DARTS_V2", "--config", "options.yml")
    line = refused(*words)
    assert "--weights elsewhere.safetensors: a file names it, and you never did" in line
    study = "task: digits\nentries:\n  one:\n    train: small-cnn\n    weights: x.safetensors\n"
    Path("study.yml").write_text(study)
    assert "weights: a study trains from scratch" in refused("study", "study.yml")
