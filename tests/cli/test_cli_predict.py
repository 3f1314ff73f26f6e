"""``nasbench predict``: what a retrained network says of pictures, tables and arrays."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasbench.tasks.digits import load_digits


@pytest.fixture
def retrained(finished):
    """The run folder of a finished retraining on the digits."""
    (folder,) = Path("results/runs").glob("*-retrain-*")
    return folder


@pytest.fixture
def test_digits():
    """The test images ``(n, 8, 8)`` and their labels."""
    found = load_digits().open_test(lambda: None)
    return found.images[:, 0].numpy(), found.labels.numpy()


def save(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:04d}.png")
    return folder


def rows(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


SPACE = ("--space", "space.py:Tiny", "--device", "cpu")


def test_the_accuracy_on_the_test_pictures_is_that_of_the_record(retrained, run, test_digits):
    images, labels = test_digits
    save(Path("photos"), images)
    done = run("predict", retrained, "photos", "--out", "found.csv", *SPACE)
    assert (done.status, done.err) == (0, ""), done
    assert "written: found.csv (360 predictions)" in done.out
    found = rows("found.csv")
    assert [Path(row["file"]).name for row in found[:2]] == ["0000.png", "0001.png"]
    correct = [int(row["class"]) == label for row, label in zip(found, labels, strict=True)]
    (record,) = Path("results/records").glob("*.json")
    assert np.mean(correct) == json.loads(record.read_text())["test_accuracy"]
    for row in found:
        every = [float(row[name]) for name in "0123456789"]
        assert sum(every) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(every) == every[int(row["class"])]


def test_arrays_tables_and_pictures_agree_in_any_batch(retrained, run, test_digits):
    images = test_digits[0][:20]
    save(Path("photos/deep"), images[:10])
    save(Path("photos"), images[10:])
    Path("photos/0003.png").rename("photos/=3.PNG")
    np.save("grey.npy", images)
    np.savez("all.npz", x=images[..., None], y=np.arange(20))
    Path("list.csv").write_text("id,File\n1,photos/deep/0000.png\n2,photos/0004.png\n")
    by_name = {}
    for number, size in enumerate((1, 7, 64)):
        shuffled = ("photos", "grey.npy", "all.npz", "list.csv")
        answer = run("predict", retrained, *shuffled, "--batch-size", size, "--json", *SPACE)
        content = answer.json
        assert (content["target"], content["names"]) == ("class", list("0123456789"))
        found = {one["file"]: one["probabilities"] for one in content["predictions"]}
        assert len(content["predictions"]) == 62
        by_name[number] = found
    for name, scores in by_name[2].items():
        assert scores == pytest.approx(by_name[0][name], abs=1e-6)
        assert scores == pytest.approx(by_name[1][name], abs=1e-6)
    here = by_name[2]
    assert list(here)[:2] == ["photos/0000.png", "photos/0001.png"]
    for number in range(10):
        same = [f"photos/deep/{number:04d}.png", f"grey.npy[{number}]", f"all.npz[{number}]"]
        assert here[same[0]] == pytest.approx(here[same[1]], abs=1e-6)
        assert here[same[0]] == pytest.approx(here[same[2]], abs=1e-6)
    assert here["photos/=3.PNG"] == pytest.approx(here["grey.npy[13]"], abs=1e-6)


def test_the_best_classes(retrained, run, test_digits):
    np.save("grey.npy", test_digits[0][:5])
    answer = run("predict", retrained.name, "grey.npy", "--top", 3, "--out", "top.csv", *SPACE)
    assert answer.status == 0, answer.err
    for row in rows("top.csv"):
        assert list(row) == [
            *("file", "class", "probability", "class_2", "probability_2"),
            *("class_3", "probability_3"),
        ]
        best = [float(row[f"probability{more}"]) for more in ("", "_2", "_3")]
        assert best == sorted(best, reverse=True)
    printed = run("predict", retrained, "grey.npy", "--top", 2, *SPACE).out.splitlines()
    first = rows("top.csv")[0]
    expected = ", ".join(
        f"{first[f'class{more}']} {float(first[f'probability{more}']):.1%}" for more in ("", "_2")
    )
    assert printed[0] == f"grey.npy[0]: {expected}"
    assert len(printed) == 5


def test_a_picture_of_another_size_and_mode(retrained, run, test_digits):
    image = test_digits[0][0]
    Image.fromarray(image).resize((32, 40)).convert("RGB").save("large.jpg")
    answer = run("predict", retrained, "large.jpg", *SPACE)
    assert answer.status == 0
    assert answer.out.startswith("large.jpg: ")


def test_what_cannot_be_read_is_named_and_the_others_go_on(retrained, run, test_digits):
    folder = save(Path("photos"), test_digits[0][:4])
    whole = (folder / "0001.png").read_bytes()
    (folder / "0001.png").write_bytes(whole[: len(whole) // 2])
    (folder / "0002.png").write_text("no picture")
    os.mkfifo(folder / "pipe.png")
    Path("list.csv").write_text("file\nphotos/0000.png\nphotos/gone.png\n")
    answer = run("predict", retrained, "photos", "list.csv", "--out", "some.csv", *SPACE)
    assert answer.status == 1
    lines = answer.err.splitlines()
    names = ("photos/0001.png", "photos/0002.png", "photos/pipe.png", "photos/gone.png")
    assert [line.split(": ")[:2] for line in lines[:4]] == [["left out", name] for name in names]
    assert lines[4] == "4 of 7 examples could not be read"
    found = [row["file"] for row in rows("some.csv")]
    assert found == ["photos/0000.png", "photos/0003.png", "photos/0000.png"]
    answer = run("predict", retrained, "photos/0001.png", "--out", "none.csv", *SPACE)
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == "error: no example could be read"


def test_cells_are_no_formulas(retrained, run, test_digits):
    save(Path("="), test_digits[0][:1])
    about = json.loads((retrained / "preprocessing.json").read_text())
    about["class_names"] = [f"=cmd({number})" for number in range(9)] + ["-1"]
    (retrained / "preprocessing.json").write_text(json.dumps(about))
    assert run("predict", retrained, "=", "--out", "found.csv", *SPACE).status == 0
    (row,) = rows("found.csv")
    assert row["file"] == "./=/0000.png"
    assert Path(row["file"]).is_file()
    assert row["class"] in ("-1", *(f"'=cmd({number})" for number in range(9)))
    assert list(row)[3:] == [*(f"'=cmd({number})" for number in range(9)), "-1"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["gone.png"], "gone.png: there is no such file or folder"),
        (["empty"], "empty: holds no pictures"),
        (["x.npy"], "x.npy: is float64 (4, 8, 8), and the network takes uint8 (n, 1, 8, 8)"),
        (["x.npz"], "x.npz: holds several arrays of uint8 (n, 1, 8, 8): a uint8(4, 8, 8), b"),
        (["objects.npy"], "objects.npy: Array can't be memory-mapped: Python objects"),
        (["x.csv"], "x.csv: no column names the pictures: columns are id; allowed: file"),
        (["one.png", "--top", "11"], "--top 11: must be 1 to 10"),
        (["one.png", "--out", "one.png"], "one.png exists already: name another file"),
        (["one.png", "--device", "tpu"], "--device tpu: allowed: auto, cpu"),
        (["one.png", "--json", "--out", "new"], "--json prints the predictions"),
    ],
)
def test_mistakes(retrained, refused, words, line):
    Path("empty").mkdir()
    Image.new("L", (8, 8)).save("one.png")
    np.save("x.npy", np.zeros((4, 8, 8)))
    np.savez("x.npz", a=np.zeros((4, 8, 8), np.uint8), b=np.zeros((4, 8, 8, 1), np.uint8))
    np.save("objects.npy", np.array([{}], dtype=object))
    Path("x.csv").write_text("id\n1\n")
    assert line in refused("predict", retrained, *words, "--space", "space.py:Tiny")
    assert not Path("new").exists()


def test_a_run_that_cannot_predict(retrained, checkpoint, refused):
    Image.new("L", (8, 8)).save("one.png")
    assert "RUN nothing is no run under results/runs" in refused("predict", "nothing", "one.png")
    line = refused("predict", checkpoint.parent, "one.png")
    assert "is a search: train what it found with nasbench retrain" in line
    about = json.loads((retrained / "preprocessing.json").read_text())
    about["mean"] = [1.0, 2.0]
    (retrained / "preprocessing.json").write_text(json.dumps(about))
    line = refused("predict", retrained, "one.png", *SPACE)
    assert "preprocessing.json: the field 'mean' has the value [1.0, 2.0]: expected 1" in line


def test_a_run_without_preprocessing_asks_its_task(retrained, run, test_digits):
    np.save("grey.npy", test_digits[0][:5])
    new = run("predict", retrained, "grey.npy", *SPACE)
    (retrained / "preprocessing.json").unlink()
    assert run("predict", retrained, "grey.npy", *SPACE).out == new.out


def test_the_run_folder_is_enough(retrained, run, test_digits, tmp_path):
    np.save("grey.npy", test_digits[0][:5])
    here = run("predict", retrained, "grey.npy", *SPACE)
    moved = shutil.move(retrained, tmp_path / "moved")
    shutil.rmtree("results")
    assert run("predict", moved, "grey.npy", *SPACE).out == here.out


@pytest.mark.parametrize("channels", ["1", "3"])
def test_own_pictures_are_seen_as_in_training(place, run, channels):
    """Of unequal sizes and kinds; the accuracy on the test folder is the record's."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 20)):
        for label, name in enumerate(("=low", "high")):
            folder = place / "images" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                sides = tuple(int(side) for side in rng.integers(9, 40, 2))
                pixels = rng.integers(60 * label, 196 + 60 * label, (*sides, 3), dtype=np.uint8)
                kind = ("png", "jpg")[number % 2]
                Image.fromarray(pixels).save(folder / f"{number:02d}.{kind}")
    Path("arch.json").write_text('{"first": "conv3", "second": "conv1", "join": [1]}')
    words = ("--task", "images/", "--size", 12, "--channels", channels, "--epochs", 2)
    small = ("--batch-size", 8, "--device", "cpu", "--json")
    done = run("retrain", "arch.json", "--space", "space.py:Tiny", *words, *small)
    assert done.status == 0, done.err
    (folder,) = Path("results/runs").iterdir()
    assert run("predict", folder, "images/test", "--out", "found.csv", *SPACE).status == 0
    found = rows("found.csv")
    assert len(found) == 40
    correct = [Path(row["file"]).parent.name == row["class"].removeprefix("'") for row in found]
    assert np.mean(correct) == done.json["test_accuracy"]
    with (folder / "preprocessing.json").open() as file:
        about = json.load(file)
    assert (about["channels"], about["size"]) == (int(channels), [12, 12])
    assert set(about["class_names"]) == {"=low", "high"}


def test_a_network_goes_on_with_pictures_of_other_classes(retrained, checkpoint, run):
    """From ten digits to three kinds of noise: the head is new, and its names are predicted."""
    rng = np.random.default_rng(0)
    for name in ("dark", "grey", "light"):
        folder = Path("noise") / name
        folder.mkdir(parents=True)
        for number in range(10):
            low = 80 * ("dark", "grey", "light").index(name)
            pixels = rng.integers(low, low + 60, (9, 11), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    words = ("--task", "noise", "--size", 8, "--epochs", 1, "--batch-size", 8, "--device", "cpu")
    weights = ("--weights", retrained.name, "--space", "space.py:Tiny")
    done = run("retrain", checkpoint, *words, *weights)
    assert done.status == 0, done.err
    assert f"weights of {retrained.name}: " in done.err
    assert "head.weight: the head of other classes, starts anew" in done.err
    answer = run("predict", "last", "noise/dark/0.png", "--json", *SPACE).json
    assert answer["names"] == ["dark", "grey", "light"]
    assert answer["run"] != retrained.name
    assert len(answer["predictions"][0]["probabilities"]) == 3
