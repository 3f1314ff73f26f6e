"""The gait task, against files that the test writes as other scripts do."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.events import hdf5_reader
from nasbench.events.hdf5_reader import read_contents
from nasbench.tasks import gait
from nasbench.tasks.gait import load_gait

h5py = pytest.importorskip("h5py")

SHAPE = (4, 5, 6)  # channels, height, width


def image(person: int, walk: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Pixels that tell person, walk, and each pixel's place."""
    return (np.arange(np.prod(shape)).reshape(shape) + 1000.5 * person + 1e5 * walk).astype("f4")


def write(path, persons=(0, 2, 10), walks=("1", "2", "10"), attributes=None, change=None):
    """A file as plain scripts write it."""
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes or {})
        for person in persons:
            for number, walk in enumerate(walks):
                made = image(person, number)
                file[f"{person}/{walk}"] = made if change is None else change(made)
    return path


@pytest.fixture
def pair(tmp_path):
    """Training and test file."""
    write(tmp_path / "gait-train.h5")
    write(tmp_path / "gait-test.h5", walks=("4",))
    return tmp_path


def refused(folder, words) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as error:
        load_gait(folder)
    assert "\n" not in str(error.value)


def test_the_images_of_a_plain_file(pair) -> None:
    task = load_gait(pair)
    assert task.spec.shape == SHAPE
    assert task.spec.classes == 3
    assert task.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    expected = np.stack([image(person, walk) for person in (0, 2, 10) for walk in (0, 1, 2)])
    assert np.array_equal(task.train.images.numpy(), expected)
    test = task.open_test(lambda: None)
    assert test.labels.tolist() == [0, 1, 2]
    assert np.array_equal(test.images.numpy(), expected[::3])


def test_the_normalisation_is_that_of_the_training_images(pair) -> None:
    task = load_gait(pair)
    plain = task.augmentation.plain(task.train.images)
    assert plain.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    assert (plain.std(dim=(0, 2, 3), correction=0) - 1).abs().max() < 1e-4
    assert (task.augmentation.crop_padding, task.augmentation.flip) == (0, False)


def test_a_file_alone_names_its_sibling(pair) -> None:
    for name in ("gait-train.h5", "gait-test.h5"):
        assert torch.equal(load_gait(pair / name).train.images, load_gait(pair).train.images)
    (pair / "gait-test.h5").unlink()
    refused(pair / "gait-train.h5", "gait-test.h5 is missing beside it")


def test_other_axes_are_turned(pair) -> None:
    turned = {"axes": "channel,x,y"}
    expected = load_gait(pair).train.images
    for name, walks in (("train", ("1", "2", "10")), ("test", ("4",))):
        path = pair / f"gait-{name}.h5"
        write(path, walks=walks, attributes=turned, change=lambda one: one.swapaxes(1, 2))
    task = load_gait(pair)
    assert task.spec.shape == SHAPE
    assert torch.equal(task.train.images, expected)
    write(pair / "gait-train.h5", attributes={"axes": "y,x,channel"})
    refused(pair, "axes 'y,x,channel': must be channel,y,x or channel,x,y")


def test_windows_of_a_walk_stay_together(tmp_path) -> None:
    names = [f"{walk}-{window}" for walk in range(1, 9) for window in range(walk)]
    write(tmp_path / "gait-train.h5", walks=names)
    write(tmp_path / "gait-test.h5", walks=names[:3])
    task = load_gait(tmp_path)
    kept = {}
    for name, part in zip(("rest", "held"), task.search_split(0, 0.25), strict=True):
        numbers = part.images[:, 0, 0, 0].numpy() - 1000.5 * np.array([0, 2, 10])[part.labels]
        walks = [names[round(number / 1e5)].split("-")[0] for number in numbers]
        kept[name] = list(zip(part.labels.tolist(), walks, strict=True))
    assert not set(kept["rest"]) & set(kept["held"])
    assert sorted(kept["rest"] + kept["held"]) == sorted(
        (label, name.split("-")[0]) for label in range(3) for name in names
    )
    for label in range(3):  # a quarter of eight walks
        assert len({walk for one, walk in kept["held"] if one == label}) == 2


def test_whole_recordings_stand_for_themselves(tmp_path) -> None:
    for name in ("train", "test"):
        write(tmp_path / f"gait-{name}.h5", walks=("1-0", "1-1"), attributes={"window": "file"})
    assert load_gait(tmp_path).train.groups.tolist() == list(range(6))


def test_one_file_is_split_by_walks(tmp_path) -> None:
    names = [f"{walk}-{window}" for walk in range(1, 11) for window in range(3)]
    task = load_gait(write(tmp_path / "gait.h5", walks=names))
    test = task.open_test(lambda: None)
    assert (len(task.train), len(test)) == (72, 18)  # 2 of 10 walks of 3 images, 3 persons
    seen = {
        part: {(names[round((pixel - 1000.5 * [0, 2, 10][label]) / 1e5)].split("-")[0], label)
               for pixel, label in zip(data.images[:, 0, 0, 0].tolist(), data.labels.tolist(),
                                       strict=True)}
        for part, data in (("train", task.train), ("test", test))
    }  # fmt: skip
    assert not seen["train"] & seen["test"]
    assert (len(seen["train"]), len(seen["test"])) == (24, 6)
    again = load_gait(tmp_path)
    assert torch.equal(again.train.images, task.train.images)


def test_many_walks_are_split_in_one_go(monkeypatch) -> None:
    """20 persons with 500 walks of 4 windows each: no step looks at all of them for each."""
    looked = []
    persons = hdf5_reader.Contents.persons.fget
    counted = property(lambda file: looked.append(file) or persons(file))
    monkeypatch.setattr(hdf5_reader.Contents, "persons", counted)
    places = tuple(
        hdf5_reader.StoredImage(str(person), f"{walk}-{window}", str(walk))
        for person in range(20) for walk in range(500) for window in range(4)
    )  # fmt: skip
    file = hdf5_reader.Contents(Path("gait.h5"), places, (1, 1, 1), "", False)
    monkeypatch.setattr(gait, "read_pixels", lambda _, few: np.zeros((len(few), 1, 1, 1), "f4"))
    task = gait.gait_task("gait", [file], "")
    assert (len(task.train), len(task.open_test(lambda: None))) == (32_000, 8_000)
    assert len(looked) < 9


def test_what_nasbench_data_gait_writes_is_read(tmp_path, capsys) -> None:
    for split in ("train", "test"):
        folder = tmp_path / "origin" / split / "3"
        folder.mkdir(parents=True)
        for walk in (1, 2):
            (folder / f"{walk}.txt").write_text(f"0 1 2 1\n{walk} 3 4 0\n9 1 2 1\n")
    out = tmp_path / "gait.h5"
    main(["data", "gait", str(tmp_path / "origin"), "--out", str(out), "--jobs", "1"])
    capsys.readouterr()
    task = load_gait(tmp_path)
    assert task.spec.shape == (4, 128, 128)
    assert task.train.images[1, :, 2, 1].tolist() == [2, 0, 1, 0]
    assert task.train.images[1, 3, 4, 3].item() == np.float32(2 / 9)


def test_walks_with_a_dash_in_their_names_stay_apart(tmp_path, capsys) -> None:
    folder = tmp_path / "origin" / "p0"
    folder.mkdir(parents=True)
    for walk, events in ((1, 3), (2, 3), (3, 3), (4, 6)):
        text = "".join(f"{time} 1 2 1\n" for time in range(events))
        (folder / f"nm-0{walk}.txt").write_text(text)
    words = ["--window", "3 events", "--out", str(tmp_path / "gait.h5"), "--jobs", "1"]
    assert main(["data", "gait", str(tmp_path / "origin"), *words]) == 0
    capsys.readouterr()
    file = read_contents(tmp_path / "gait.h5")
    assert [one.name for one in file.images] == ["nm-01", "nm-02", "nm-03", "nm-04-0", "nm-04-1"]
    assert [one.walk for one in file.images] == ["nm-01", "nm-02", "nm-03", "nm-04", "nm-04"]
    assert load_gait(tmp_path).spec.classes == 1


def test_an_older_pair_is_not_taken_for_a_new_file(pair) -> None:
    whole = write(pair / "gait" / "gait.h5", walks=("1", "2", "3", "4"))
    refused(
        pair, f"gait: found both {pair / 'gait-train.h5'} and {whole}: choose one with --data-dir"
    )
    assert len(load_gait(pair / "gait-train.h5").train) == 9
    assert "fixed split" in load_gait(whole).note


def test_missing_files_name_the_command(tmp_path) -> None:
    refused(tmp_path, f"nasbench data gait RECORDINGS --out {tmp_path.resolve() / 'gait.h5'}")


def test_no_hdf5_file(pair) -> None:
    (pair / "gait-train.h5").write_text("t x y p")
    refused(pair, f"{pair / 'gait-train.h5'} is not a readable HDF5 file")


@pytest.mark.parametrize("part", [b"HEAP", b"SNOD", b"TREE", b"GCOL"])
def test_a_damaged_file(pair, part) -> None:
    path = write(pair / "gait-train.h5", attributes={"axes": "channel,y,x"})
    good = path.read_bytes()
    assert part in good
    path.write_bytes(good.replace(part, b"none"))
    refused(pair, f"{path} is not a readable HDF5 file (")


def test_attributes_in_pieces_or_in_bytes(pair) -> None:
    for axes in (["channel", "x", "y"], np.array([b"channel,x,y"]), b"channel,x,y"):
        for name in ("train", "test"):
            write(pair / f"gait-{name}.h5", attributes={"axes": axes})
        assert load_gait(pair).spec.shape == (4, 6, 5)
    write(pair / "gait-train.h5", attributes={"axes": h5py.Empty("f4")})
    refused(pair, "must be channel,y,x or channel,x,y")


def test_images_that_memory_cannot_hold(pair, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(hdf5_reader, "_read_image", fail)
    refused(pair, f"{pair / 'gait-train.h5'}: 9 images of 4x5x6 do not fit into memory")


def test_another_layout(pair) -> None:
    path = pair / "gait-train.h5"
    for name, values, words in (
        ("images", np.zeros((3, 4, 5, 6)), "'images' is not a group"),
        ("0/1", np.zeros((5, 6)), "0/1 is not an image"),
        ("0/1", np.array([b"text"]), "0/1 is not an image"),
    ):
        with h5py.File(path, "w") as file:
            file[name] = values
        refused(pair, f"{path}: {words}; the file must hold a group for each person")
    for empty in (h5py.Empty("f4"), np.zeros((4, 0, 0)), np.zeros((0, 16, 16))):
        with h5py.File(path, "w") as file:
            file["0/1"] = empty
        refused(pair, f"{path}: 0/1 is not an image; the file must hold a group for each person")
    h5py.File(path, "w").close()
    refused(pair, f"{path}: it is empty")
    with h5py.File(path, "w") as file:
        file["0"] = h5py.ExternalLink("elsewhere.h5", "/0")
    refused(pair, "'0' is not a group")


def test_too_few_walks(pair) -> None:
    write(pair / "gait-train.h5", walks=("1-0", "1-1"))
    refused(pair, "person 0 has 1 walks: must have at least 2")
    path = write(pair / "gait.h5", walks=("1", "2"))
    refused(path, "person 0 has 2 walks: must have at least 3")


def test_images_of_unequal_size(pair) -> None:
    with h5py.File(pair / "gait-train.h5", "a") as file:
        file["2/11"] = np.zeros((4, 6, 6))
    refused(pair, "image 2/11 is (4, 6, 6): must be (4, 5, 6)")


def test_values_that_are_not_finite(pair) -> None:
    with h5py.File(pair / "gait-train.h5", "a") as file:
        file["2/2"][0, 0, 0] = np.nan
    refused(pair, "image 2/2 holds values that are not finite")
    write(pair / "gait-train.h5", change=lambda one: one.astype("f8") * 1e300)
    refused(pair, "image 0/1 holds values that are not finite")


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("only gait-train.h5 has person 10; they must have the same persons", {"persons": (0, 2)}),
        (
            "only gait-train.h5 has person 0,2; only gait-test.h5 has person 3; they must have",
            {"persons": (3, 10)},
        ),
        ("images of shape 4,5,6 and 2,5,6", {"change": lambda one: one[:2]}),
        ("channels not stated and neg-count", {"attributes": {"channels": "neg-count"}}),
    ],
)
def test_files_that_disagree(pair, words, options) -> None:
    write(pair / "gait-test.h5", **options)
    refused(pair, words)


def test_the_one_person_too_many_is_named_among_forty(tmp_path) -> None:
    write(tmp_path / "gait-train.h5", persons=range(40), walks=("1", "2"))
    write(tmp_path / "gait-test.h5", persons=range(41), walks=("3",))
    refused(tmp_path, "disagree: only gait-test.h5 has person 40; they must have the same persons")


def test_an_image_that_unpacks_to_more_than_is_read(pair, monkeypatch) -> None:
    monkeypatch.setattr(hdf5_reader, "_MOST", 400)
    refused(pair, "480 bytes: at most 400 are read")
