"""A folder that holds nothing of a task is an error, for every task and every command."""

from __future__ import annotations

import pytest

from nasbench import catalog
from nasbench.cli import main
from nasbench.errors import UserError


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A folder of pictures, which no task reads."""
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"\x89PNG")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", catalog.TASKS)
def test_a_folder_without_the_data_is_an_error(name, images):
    with pytest.raises(UserError) as caught:
        catalog.resolve("task", name)(data_dir=images)
    assert str(images) in str(caught.value)
    assert [path.name for path in images.iterdir()] == ["cat.png"]


STUDY = "task: digits\nentries:\n  a: {train: small-cnn}\n"


@pytest.mark.parametrize(
    "words",
    [
        "search darts",
        "search random --space nas-bench-201",
        "search random --table nas-bench-201",
        "retrain zoo:DARTS_V2 --task digits",
        "retrain zoo:DARTS_V2 --task digits --folds 2",
        "hpo small-cnn",
        "proxies --space nas-bench-201 --task digits --samples 2",
        "bench strategies --table nas-bench-201",
        "convert zoo:DARTS_V2 --to nasbench --task digits",
        "study study.yaml",
    ],
)
def test_every_command_says_so(words, images, capsys):
    (images.parent / "study.yaml").write_text(STUDY)
    assert main([*words.split(), "--data-dir", "images"]) == 2
    error = capsys.readouterr().err
    assert "images" in error
    assert error.count("\n") == 1
    assert not (images.parent / "results").exists()


def test_a_folder_that_is_not_read_at_all(images, capsys):
    assert main(["convert", "zoo:DARTS_V2", "--to", "darts", "--data-dir", "images"]) == 2
    assert "--data-dir images: only --task reads a folder" in capsys.readouterr().err
