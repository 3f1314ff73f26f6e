"""``--task images/``: what is found, what is refused, and what is done only once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nasbench.cli import main
from nasbench.config import RetrainConfig, SearchConfig, TaskConfig
from nasbench.data import decoding, watching
from nasbench.errors import UserError
from nasbench.tasks import own_data
from nasbench.tasks.loading import load


class Lines(watching.Watcher):
    def __init__(self) -> None:
        self.shown: list[str] = []

    def line(self, text: str) -> None:
        self.shown.append(text)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nasbench" / "data"


@pytest.fixture
def lines():
    watcher = Lines()
    with watching.by(watcher):
        yield watcher.shown


def picture(seed: int, height: int = 16, width: int = 16, channels: int = 3) -> np.ndarray:
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def fill(folder: Path, counts: dict[str, int], first: int = 0, **options: int) -> Path:
    """Write noise into a folder for each class."""
    for label, count in counts.items():
        for number in range(count):
            first += 1
            save(folder / label / f"{number:03}.png", picture(first, **options))
    return folder


def opened(folder: Path, **options: object):
    return load(str(folder), TaskConfig(**options))


def refused(folder: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        opened(folder, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert str(folder) in text
    return text


def test_a_test_share_is_cut_off_once_and_no_picture_is_lost(tmp_path) -> None:
    folder = fill(tmp_path / "images", {"cat": 20, "dog": 10})
    task = opened(folder)
    assert task.class_names == ("cat", "dog")
    assert task.spec.to_json() == {"channels": 3, "height": 16, "width": 16, "classes": 2}
    assert task.class_counts(task.train) == [16, 8]
    test = task.open_test(lambda: None)
    assert task.class_counts(test) == [4, 2]
    found = {one.numpy().tobytes() for one in (*task.train.images, *test.images)}
    assert found == {picture(n).transpose(2, 0, 1).tobytes() for n in range(1, 31)}
    again = opened(folder)
    assert again.fingerprint == task.fingerprint
    assert torch.equal(again.open_test(lambda: None).images, test.images)


@pytest.mark.parametrize("names", ["train val test", "Training validation TESTING"])
def test_parts_above_the_classes_are_used(names, tmp_path) -> None:
    for number, (name, count) in enumerate(zip(names.split(), (6, 2, 3), strict=True)):
        fill(tmp_path / "i" / name, {"a": count, "b": count}, first=100 * number)
    task = opened(tmp_path / "i")
    assert len(task.train) == 16
    rest, held = task.search_split(0, 0.5)
    assert (len(rest), len(held), len(task.open_test(lambda: None))) == (12, 4, 6)
    wanted = {picture(n).transpose(2, 0, 1).tobytes() for n in range(101, 105)}
    assert {one.numpy().tobytes() for one in held.images} == wanted


def test_a_folder_with_train_and_val_alone_gets_its_test_share_from_train(tmp_path, lines) -> None:
    fill(tmp_path / "i" / "train", {"a": 20, "b": 20})
    fill(tmp_path / "i" / "val", {"a": 5, "b": 5}, first=100)
    task = opened(tmp_path / "i")
    assert (len(task.train), len(task.held_out)) == (42, 10)
    assert len(task.open_test(lambda: None)) == 8
    assert any("20% of each class cut off once" in line for line in lines)


def test_a_class_may_be_called_test(tmp_path) -> None:
    task = opened(fill(tmp_path / "i", {"test": 5, "train": 5}))
    assert task.class_names == ("test", "train")


def test_what_was_found_is_shown(tmp_path, lines, cache) -> None:
    folder = fill(tmp_path / "images", {"cat": 30, "dog": 10})
    save(folder / "dog" / "large.png", picture(99, 50, 30, channels=1))
    (folder / "dog" / "notes.txt").write_text("x")
    opened(folder)
    (packed,) = (one for one in cache.iterdir() if not one.name.startswith("."))
    shown = "\n".join(lines)
    for text in (
        "33 to train on, 8 to test on; each 3x16x16 in 2 classes",
        "  cat: train 24, test 6",
        "  dog: train 9, test 2",
        "largest class: cat, 72.7%",
        f"cache: {packed}",
        "pictures of 16x16 to 30x50 pixels (1 gray, 40 color) become 16x16 color",
        "warning: 1 file without a picture's name left out: dog/notes.txt",
        "warning: classes with few pictures to train on: dog (9)",
    ):
        assert text in shown
    first = len(lines)
    opened(folder)
    again = lines[first:]
    assert [line.partition(":")[0] for line in again] == [
        str(folder),
        "cache",
        "warning",
        "warning",
    ]


def test_a_second_start_decodes_nothing_until_something_changed(tmp_path, monkeypatch) -> None:
    folder = fill(tmp_path / "i", {"a": 5, "b": 5})
    before = opened(folder)
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "headers", None)
        assert opened(folder).fingerprint == before.fingerprint
        assert load(f"{folder}/", TaskConfig()).fingerprint == before.fingerprint
        with pytest.raises(TypeError):
            opened(folder, channels=1)
    save(folder / "a" / "000.png", picture(77))
    assert opened(folder).fingerprint != before.fingerprint


def test_a_retraining_takes_the_pictures_that_its_search_packed(tmp_path, monkeypatch) -> None:
    folder = fill(tmp_path / "i", {"a": 5, "b": 5})
    before = load(str(folder), SearchConfig())
    channels, side, _ = before.spec.shape
    same = RetrainConfig(size=side, channels=channels)
    monkeypatch.setattr(decoding, "headers", None)
    assert load(str(folder), same).fingerprint == before.fingerprint
    with pytest.raises(TypeError):
        load(str(folder), RetrainConfig(size=side + 4, channels=channels))


@pytest.mark.parametrize("mapped", [False, True])
def test_a_damaged_cache_is_made_anew(mapped, tmp_path, cache, lines, monkeypatch) -> None:
    if mapped:
        monkeypatch.setattr(own_data, "MAPPED_FROM", 1)
    folder = fill(tmp_path / "i", {"a": 5, "b": 5})
    before = opened(folder).fingerprint
    (path,) = cache.glob("*/train-examples.npy")
    path.write_bytes(path.read_bytes()[:-5])
    lines.clear()
    assert opened(folder).fingerprint == before
    assert lines[0] == f"the packed data {path} was changed or cut: packing anew"


def test_the_size_is_the_median_side_and_at_most_64_in_quick(tmp_path) -> None:
    folder = tmp_path / "i"
    for number, side in enumerate((90, 100, 110, 90, 100, 110)):
        save(folder / "ab"[number % 2] / f"{number}.png", picture(number, side, side + 7))
    assert opened(folder).spec.shape == (3, 100, 100)
    assert load(str(folder), SearchConfig()).spec.shape == (3, 64, 64)
    assert load(str(folder), RetrainConfig(preset="paper")).spec.shape == (3, 100, 100)
    assert load(str(folder), SearchConfig(size=71)).spec.shape == (3, 71, 71)


def test_grey_stays_grey_and_channels_convert(tmp_path) -> None:
    grey = fill(tmp_path / "grey", {"a": 5, "b": 5}, channels=1)
    assert opened(grey).spec.channels == 1
    assert opened(grey, channels=3).spec.channels == 3
    assert opened(fill(tmp_path / "c", {"a": 5, "b": 5}), channels=1).spec.channels == 1


def test_colour_is_mirrored_and_grey_is_not(tmp_path) -> None:
    colour = opened(fill(tmp_path / "c", {"a": 5, "b": 5})).augmentation
    grey = opened(fill(tmp_path / "g", {"a": 5, "b": 5}, channels=1)).augmentation
    assert (colour.crop_padding, colour.flip) == (2, True)
    assert (grey.crop_padding, grey.flip) == (1, False)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ({"columns": "group=patient"}, r"--columns group=patient: is for a CSV, and --task .* is"),
        ({"target": "labels"}, r"--target labels: --task .* has a folder for each class: allowed"),
    ],
)
def test_what_a_folder_has_no_use_for_is_refused(tmp_path, option, line) -> None:
    folder = fill(tmp_path / "i", {"a": 5, "b": 5})
    with pytest.raises(UserError, match=line):
        opened(folder, **option)
    assert opened(folder, target="class").class_names == ("a", "b")


def test_hidden_files_and_folders_are_no_part_of_it(tmp_path) -> None:
    folder = fill(tmp_path / "i", {"a": 5, "b": 5, ".git": 5, "__MACOSX": 1})
    (folder / "a" / "._000.png").write_bytes(b"x")
    (folder / "Thumbs.db").write_bytes(b"x")
    save(folder / "b" / "more" / "x.PNG", picture(50))
    task = opened(folder)
    assert task.class_names == ("a", "b")
    assert len(task.train) + len(task.open_test(lambda: None)) == 11


def test_names_that_are_not_utf_8(tmp_path) -> None:
    folder = fill(tmp_path / "i", {"a": 5, os.fsdecode(b"caf\xe9"): 5, "\u732b": 5})
    save(folder / "a" / os.fsdecode(b"\xff.png"), picture(50))
    assert opened(folder).class_names == ("a", "caf\\xe9", "\u732b")


def spoil(folder: Path) -> list[str]:
    (folder / "a" / "000.png").write_bytes((folder / "a" / "000.png").read_bytes()[:300])
    (folder / "b" / "001.png").write_text("hello")
    return ["a/000.png", "b/001.png"]


def test_pictures_that_cannot_be_read_are_listed(tmp_path, lines, cache) -> None:
    folder = fill(tmp_path / "i", {"a": 6, "b": 6})
    names = spoil(folder)
    text = refused(folder)
    assert all(name in text for name in (*names, "truncated", "no picture", "--skip-bad"))
    assert not [one for one in cache.iterdir() if not one.name.endswith(".lock")]
    task = opened(folder, skip_bad=True)
    assert len(task.train) + len(task.open_test(lambda: None)) == 10
    assert all(any(line.startswith(f"left out: {name}") for line in lines) for name in names)


def test_many_bad_pictures_are_listed_in_a_file(tmp_path) -> None:
    folder = fill(tmp_path / "i", {"a": 12, "b": 12})
    for path in (folder / "a").iterdir():
        path.write_bytes(b"")
    text = refused(folder)
    assert "12 files or folders of no use" in text
    listed = Path(text.rpartition("all of them: ")[2]).read_text().splitlines()
    assert listed == [f"a/{n:03}.png: empty" for n in range(12)]


def test_links_out_of_the_folder_are_refused(tmp_path) -> None:
    folder = fill(tmp_path / "i", {"a": 6, "b": 6})
    outside = save(tmp_path / "secret" / "x.png", picture(0))
    (folder / "a" / "link.png").symlink_to(outside)
    (folder / "b" / "more").symlink_to(outside.parent)
    (folder / "b" / "round").symlink_to(folder / "b")
    (folder / "b" / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "b" / "inside.png").symlink_to(folder / "b" / "000.png")
    os.mkfifo(folder / "a" / "pipe.png")
    text = refused(folder)
    for name in (
        "a/link.png (a link out of the folder)",
        "b/more (a link out",
        "a/pipe.png (no plain",
    ):
        assert name in text
    assert "a link to a folder around it" in text
    assert "broken link" in text
    task = opened(folder, skip_bad=True)
    assert len(task.train) + len(task.open_test(lambda: None)) == 13


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "has no subfolders: each class needs one"),
        ({"a": 5}, "has one class only, a"),
        ({"a": 5, "b": 0}, "b (a class without pictures)"),
        ({"a": 0, "b": 0}, "has no pictures in its 2 class folders (a, b)"),
        ({"a": 5, "b": 2, "c": 1}, "classes with too few pictures: b (2), c (1); at least 3"),
    ],
)
def test_folders_of_no_use(counts, message, tmp_path) -> None:
    folder = fill(tmp_path / "i", counts)
    folder.mkdir(exist_ok=True)
    for label in counts:
        (folder / label).mkdir(exist_ok=True)
    save(folder / "loose.png", picture(0))
    assert message in refused(folder)


def test_parts_that_do_not_fit(tmp_path) -> None:
    fill(tmp_path / "i" / "test", {"a": 5, "b": 5})
    assert "has test/ but no train/" in refused(tmp_path / "i")
    fill(tmp_path / "i" / "train", {"a": 5, "b": 5}, first=50)
    fill(tmp_path / "i" / "test", {"c": 5}, first=90)
    assert "the class c of test/ is not in train/: allowed: a, b" in refused(tmp_path / "i")
    fill(tmp_path / "i" / "Training", {"a": 5})
    assert "Training and train both mean the part train" in refused(tmp_path / "i")


def test_test_pictures_that_are_copies_of_training_pictures_are_named(tmp_path, lines) -> None:
    folder = tmp_path / "i"
    for number in range(20):
        # Blocks of noise: a photograph, too, looks the same in two sizes.
        photo = np.kron(picture(number, 6, 6), np.ones((10, 10, 1), np.uint8))
        save(folder / "train" / "ab"[number % 2] / f"{number}.png", photo)
        other = np.kron(picture(50 + number, 6, 6), np.ones((10, 10, 1), np.uint8))
        save(folder / "test" / "ab"[number % 2] / f"{number}.png", other)
    opened(folder)
    assert not [line for line in lines if "copies" in line]
    Image.open(folder / "train/a/0.png").save(folder / "test/a/exact.bmp")
    Image.open(folder / "train/b/1.png").resize((45, 45)).save(folder / "test/b/small.png")
    Image.open(folder / "train/b/3.png").resize((90, 80)).save(
        folder / "test/b/large.jpg", quality=90
    )
    opened(folder)
    (line,) = (line for line in lines if "copies" in line)
    assert line.startswith("warning: 3 test pictures are copies of training pictures: ")
    for pair in (
        "test/a/exact.bmp = train/a/0.png",
        "test/b/small.png = train/b/1.png",
        "test/b/large.jpg = train/b/3.png",
    ):
        assert pair in line
    lines.clear()
    opened(folder)
    assert line in lines  # on every start


def test_copies_stay_together_where_the_test_share_is_cut(tmp_path) -> None:
    folder = fill(tmp_path / "i", {"a": 15, "b": 15})
    for path in sorted(folder.rglob("*.png")):
        path.with_name(f"again-{path.name}").write_bytes(path.read_bytes())
    task = opened(folder)
    train, test = task.train, task.open_test(lambda: None)
    assert (len(train), len(test)) == (48, 12)
    assert not {one.numpy().tobytes() for one in train.images} & {
        one.numpy().tobytes() for one in test.images
    }


def test_a_picture_in_two_classes_is_named(tmp_path, lines) -> None:
    folder = fill(tmp_path / "i", {"a": 10, "b": 10})
    (folder / "b" / "same.png").write_bytes((folder / "a" / "004.png").read_bytes())
    opened(folder)
    assert "warning: pictures in several classes: a/004.png = b/same.png" in lines


def test_the_command_prints_on_the_standard_error_alone(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "images", {"a": 5})
    assert main(["search", "darts", "--task", "images/", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("error: --task ")
