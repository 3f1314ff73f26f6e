"""Tables as tasks: features, pictures and arrays that they name, splits and groups."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nasbench.config import TaskConfig
from nasbench.data import watching
from nasbench.data.split import stratified_folds
from nasbench.errors import UserError
from nasbench.tasks.csv_table import Table, columns
from nasbench.tasks.loading import load
from nasbench.tasks.mnist import load_mnist

PLAIN = TaskConfig()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def said():
    class Heard(watching.Watcher):
        def __init__(self):
            self.lines: list[str] = []

        def line(self, text: str) -> None:
            self.lines.append(text)

    heard = Heard()
    with watching.by(heard):
        yield heard.lines


def write(rows: list[dict], path: str = "labels.csv", mark: str = ",") -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=mark)
        table.writeheader()
        table.writerows(rows)


def pictures(count: int = 40, side: int = 8) -> list[dict]:
    """Rows of gray pictures, every one of them different."""
    Path("images").mkdir(exist_ok=True)
    made = np.random.default_rng(0).integers(0, 256, (count, side, side), np.uint8)
    for n, pixels in enumerate(made):
        Image.fromarray(pixels).save(f"images/{n}.png")
    return [{"file": f"images/{n}.png", "label": ["cat", "dog"][n % 2]} for n in range(count)]


def pixels(task, part="train") -> list[bytes]:
    data = task.train if part == "train" else task.open_test(lambda: None)
    return [one.numpy().tobytes() for one in data.images]


def stored(name: str) -> bytes:
    return np.asarray(Image.open(name)).tobytes()


def test_pictures_with_labels():
    rows = pictures()
    write(rows)
    task = load("labels.csv", PLAIN)
    assert (task.name, task.class_names) == ("labels.csv", ("cat", "dog"))
    assert task.spec.shape == (1, 8, 8)
    test = task.open_test(lambda: None)
    assert (len(task.train), len(test)) == (32, 8)
    label = {stored(one["file"]): one["label"] for one in rows}
    for part, data in (("train", task.train), ("test", test)):
        names = [task.class_names[one] for one in data.labels]
        assert names == [label[one] for one in pixels(task, part)]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_splits_and_marks(mark):
    rows = pictures()
    parts = ["train", "Train", "validation", "test"]
    write([{**one, "split": parts[n // 10]} for n, one in enumerate(rows)], "labels.csv", mark)
    task = load("labels.csv", PLAIN)
    assert pixels(task, "test") == [stored(f"images/{n}.png") for n in range(30, 40)]
    train, val = task.search_split(0, 0.5)
    assert len(train) == 20
    assert [one.numpy().tobytes() for one in val.images] == [
        stored(f"images/{n}.png") for n in range(20, 30)
    ]


def patients(count: int = 60) -> list[dict]:
    """Rows of pictures of 15 patients, most of whom have pictures of both classes."""
    drawn = np.random.default_rng(1)
    rows = pictures(count)
    for n, one in enumerate(rows):
        one["patient"] = f"p{n // 4}"
        one["label"] = ["cat", "dog"][int(drawn.random() < (0.2 if n // 4 % 2 else 0.8))]
    return rows


def test_no_split_parts_a_group():
    rows = patients()
    write(rows)
    task = load("labels.csv", PLAIN)
    patient = {stored(one["file"]): one["patient"] for one in rows}
    train = {patient[one] for one in pixels(task)}
    test = {patient[one] for one in pixels(task, "test")}
    assert len(test) == 3
    assert not train & test
    for seed in range(3):
        halves = [set(one.groups.tolist()) for one in task.search_split(seed, 0.3)]
        assert not halves[0] & halves[1]
    folds = stratified_folds(task.train.labels, 4, 0, task.train.groups)
    owners = [set(task.train.groups[fold].tolist()) for fold in folds]
    assert sum(map(len, owners)) == len(set.union(*owners)) == 12


def test_a_given_split_that_parts_a_group_is_an_error():
    rows = patients()
    for n, one in enumerate(rows):
        one["split"] = "test" if n >= 50 else "train"
    write(rows)
    with pytest.raises(UserError, match=r"labels.csv: the group p12 is in train and in test"):
        load("labels.csv", PLAIN)


@pytest.mark.parametrize(
    ("targets", "target", "names"),
    [
        ({"wet": "01", "cold": "10"}, "labels", ("wet", "cold")),
        ({"angle": ["0.5", "-30"]}, "numbers", ()),
        ({"x": ["3", "4"], "y1": ["1.5", "2"]}, "numbers", ("x", "y1")),
        ({"grade": "12"}, "class", ("1", "2")),
    ],
)
def test_targets_are_recognised(targets, target, names):
    rows = pictures()
    for n, one in enumerate(rows):
        del one["label"]
        one |= {name: values[(n // 2) % 2] for name, values in targets.items()}
        one |= {name: values[n % 2] for name, values in list(targets.items())[:1]}
    write(rows)
    task = load("labels.csv", TaskConfig(columns=f"label={'+'.join(targets)}"))
    assert (task.target, task.class_names) == (target, names)
    first = [float(values[0]) for values in targets.values()]
    made = task.train.labels.reshape(len(task.train), -1)
    row = pixels(task).index(stored("images/4.png"))
    assert made[row].tolist() == ([0] if target == "class" else first)


def test_the_user_decides_on_the_target():
    rows = pictures()
    write([{**one, "label": n % 5} for n, one in enumerate(rows)])
    assert load("labels.csv", PLAIN).target == "class"
    assert load("labels.csv", TaskConfig(target="numbers")).target == "numbers"


def test_pictures_of_numbers_are_not_mirrored():
    write([{**one, "label": n / 7} for n, one in enumerate(pictures(side=16))])
    how = load("labels.csv", PLAIN).augmentation
    assert (how.crop_padding, how.flip) == (0, False)
    write(pictures(side=16))
    assert load("labels.csv", PLAIN).augmentation.crop_padding == 1


def test_features():
    drawn = np.random.default_rng(0)
    rows = [
        {"id": n, "a": drawn.normal(), "b": drawn.integers(9), "label": "uv"[n % 2]}
        for n in range(50)
    ]
    write(rows, "plants.csv")
    task = load("plants.csv", PLAIN)
    assert (task.spec.shape, task.spec.outputs) == ((2,), 2)
    known = {(np.float32(one["a"]), np.float32(one["b"])): one["label"] for one in rows}
    for example, label in zip(task.train.images.numpy(), task.train.labels, strict=True):
        assert known[tuple(example)] == task.class_names[label]
    only = load("plants.csv", TaskConfig(columns="features=b,label=a"))
    assert (only.spec.shape, only.target) == ((1,), "numbers")


def test_arrays_that_a_table_names():
    drawn = np.random.default_rng(0).normal(size=(40, 3, 20))
    for n, signal in enumerate(drawn):
        np.save(f"{n}.npy", signal)
    write([{"path": f"{n}.npy", "label": n % 2} for n in range(40)])
    task = load("labels.csv", PLAIN)
    assert task.spec.shape == (3, 20)
    every = torch.cat([task.train.images, task.open_test(lambda: None).images])
    assert np.array_equal(
        np.sort(every[:, 0, 0].numpy()), np.sort(drawn[:, 0, 0].astype(np.float32))
    )
    np.save("3.npy", drawn[3, :, 1:])
    with pytest.raises(UserError, match=r"line 5: 3.npy is float64 \(3, 19\), and 0.npy"):
        load("labels.csv", PLAIN)


def test_missing_and_broken_files_are_named(said):
    write(pictures())
    Path("images/3.png").unlink()
    Path("images/7.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(
        UserError, match=r"1 of 40 files cannot be read: images/3.png .line 5: mis"
    ):
        load("labels.csv", PLAIN)
    task = load("labels.csv", TaskConfig(skip_bad=True))
    assert len(task.train) + len(task.open_test(lambda: None)) == 38
    assert any("images/7.png (line 9" in line for line in said)
    for n in range(40):
        Path(f"images/{n}.png").write_bytes(b"no")
    with pytest.raises(UserError, match="40 of 40 files cannot be read"):
        load("labels.csv", PLAIN)


@pytest.mark.parametrize("name", ["../secret.png", "{tmp}/secret.png", "images/link.png"])
def test_files_outside_of_the_folder_are_refused(name, tmp_path):
    rows = pictures()
    Image.new("L", (8, 8)).save(tmp_path / "secret.png")
    Path("images/link.png").symlink_to(tmp_path / "secret.png")
    write([*rows, {"file": name.format(tmp=tmp_path), "label": "cat"}])
    with pytest.raises(UserError, match=r"line 42: .* lies outside of .*: give --data-dir"):
        load("labels.csv", PLAIN)


def test_the_user_names_the_folder_of_the_files(tmp_path):
    rows = pictures()
    write([{**one, "file": Path("images").absolute() / Path(one["file"]).name} for one in rows])
    Path("labels.csv").rename(tmp_path / "labels.csv")
    task = load(str(tmp_path / "labels.csv"), PLAIN, Path("images"))
    assert len(task.train) == 32
    write([{**one, "file": Path(one["file"]).name} for one in rows], str(tmp_path / "names.csv"))
    again = load(str(tmp_path / "names.csv"), PLAIN, Path("images"))
    assert again.fingerprint == task.fingerprint


def test_copies_are_kept_together_or_told(said):
    rows = pictures(side=32)
    Image.open("images/0.png").resize((64, 64)).save("images/copy.png")
    write([*rows, {"file": "images/copy.png", "label": "cat"}])
    load("labels.csv", PLAIN)
    assert not [line for line in said if "are copies" in line]
    rows = [{**one, "split": "train"} for one in rows]
    write(
        [
            *rows,
            {"file": "images/copy.png", "label": "cat", "split": "test"},
            {"file": "images/1.png", "label": "dog", "split": "test"},
        ]
    )
    load("labels.csv", PLAIN)
    (line,) = [one for one in said if "are copies" in one]
    assert "2 of 2 test examples are copies" in line
    assert "images/copy.png = images/0.png" in line


def test_a_change_is_seen():
    write(pictures())
    before = load("labels.csv", PLAIN)
    assert load("labels.csv", PLAIN).fingerprint == before.fingerprint
    for n in range(20):
        Image.new("L", (8, 8), n).save(f"images/{n}.png")
    assert load("labels.csv", PLAIN).fingerprint != before.fingerprint


@pytest.mark.parametrize(
    ("text", "given", "line"),
    [
        ("", None, "is empty: the first line must name the columns"),
        ("a,b,label\n", None, "has no rows"),
        ("1,2,3\n4,5,6\n", None, "the first line holds numbers: it must name the columns"),
        ("a,a,label\n1,2,3\n", None, "two columns are named 'a'"),
        (
            "a,b\n1,2\n",
            None,
            "no column is named label: give --columns label=NAME; there are a, b",
        ),
        ("a,label,class\n1,2,3\n", None, "label and class could both be the label"),
        ("a,label\n1,2\n1\n", None, "line 3 has 1 fields, and the first line names 2"),
        ("a,label\n1,x\n,y\n", None, "line 3, column a: the value is missing"),
        ("a,label\n1,x\nNaN,y\n", None, "line 3, column a: the value is missing"),
        ("a,label\n1,x\nred,y\n", None, "line 3, column a: 'red' is no number"),
        ("a,label\n1,x\n2,\n", None, "line 3, column label: the value is missing"),
        ("label\nx\ny\n", None, "has neither a column of files nor features"),
        ("a,label,split\n1,x,dev\n", None, "line 2, column split: 'dev': must be one of train, v"),
        ("a,label,split\n1,x,test\n", None, "column split: no row is of the part train"),
        ("a,label\n1,x\n2,x\n3,x\n", None, "every example is of the class x"),
        ('a,label\n"1,x\n', None, "unexpected end of data"),
        ("a,label\n1,2\n", "label=b", "there is no column 'b'; there are a, label"),
        ("a,label\n1,2\n", "labels=a", "'labels=a': must be ROLE=NAME, the roles being file, la"),
        ("a,label\n1,2\n", "label=a,label=label", "label is given twice"),
        ("a,label\n1,2\n", "label=a,group=a", "the column a is named twice"),
        ("file,label\nx.png,1\n", "features=label", "named twice|without a file column|no column"),
    ],
)
def test_tables_that_do_not_fit(text, given, line):
    Path("labels.csv").write_text(text)
    with pytest.raises(UserError, match=line) as caught:
        load("labels.csv", TaskConfig(columns=given))
    assert "\n" not in str(caught.value)
    assert "labels.csv" in str(caught.value) or "--columns" in str(caught.value)


@pytest.mark.parametrize(
    ("head", "label", "group"),
    [
        ("Image,Class,Patient_ID", ("Class",), "Patient_ID"),
        ("path,label_a,label_b", ("label_a", "label_b"), None),
        ("filename,target,subset", ("target",), None),
    ],
)
def test_usual_names_of_columns(head, label, group):
    Path("t.csv").write_text(f"\ufeff{head}\nx.png,1,1\n", encoding="utf-8")
    found = columns(Table.read("t.csv", Path("t.csv")), None)
    assert (found.label, found.group) == (label, group)
    assert found.file == head.partition(",")[0]


def test_options_of_pictures_are_refused_for_features():
    write([{"a": n, "label": n % 2} for n in range(9)])
    with pytest.raises(UserError, match="--size 8: is for pictures"):
        load("labels.csv", TaskConfig(size=8))
    with pytest.raises(UserError, match=r"--data-dir .*: is for pictures"):
        load("labels.csv", PLAIN, Path())


@pytest.mark.data
@pytest.mark.slow
def test_groups_of_real_digits(real_data, tmp_path):
    """MNIST's writers are not published: ten digits in a row play one, with mixed labels."""
    task = load_mnist(real_data, download=False)
    rows = []
    Path("digits").mkdir()
    for n in range(1000):
        Image.fromarray(task.train.images[n, 0].numpy()).save(f"digits/{n}.png")
        label = int(task.train.labels[n])
        rows.append({"file": f"digits/{n}.png", "label": label, "writer": n // 10})
    write(rows)
    own = load("labels.csv", TaskConfig(columns="group=writer"))
    writer = {task.train.images[n].numpy().tobytes(): n // 10 for n in range(1000)}
    test = own.open_test(lambda: None)
    parts = [{writer[one] for one in pixels(own, part)} for part in ("train", "test")]
    assert [len(one) for one in parts] == [80, 20]
    assert not parts[0] & parts[1]
    counts: dict[int, int] = defaultdict(int)
    for one in pixels(own) + pixels(own, "test"):
        counts[writer[one]] += 1
    assert set(counts.values()) == {10}
    assert set(test.labels.tolist()) == set(range(10))
