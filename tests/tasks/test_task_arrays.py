"""Arrays as a task: from files and from memory."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from nasbench.config import TaskConfig
from nasbench.data import watching
from nasbench.errors import UserError
from nasbench.space import DataSpec
from nasbench.tasks import arrays, mnist, packing
from nasbench.tasks.loading import load

PLAIN = TaskConfig()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said():
    class Heard(watching.Watcher):
        lines: list[str] = []

        def line(self, text: str) -> None:
            self.lines.append(text)

    heard = Heard()
    heard.lines = []
    with watching.by(heard):
        yield heard.lines


def drawn(count: int = 40, shape: tuple[int, ...] = (3, 8, 8), seed: int = 0):
    made = np.random.default_rng(seed)
    return made.integers(0, 256, (count, *shape), np.uint8), np.arange(count) % 4


def rows(array) -> list[bytes]:
    return sorted(np.ascontiguousarray(one).tobytes() for one in np.asarray(array))


def test_an_npz_with_both_parts_is_taken_as_it_is():
    (x, y), (xt, yt) = drawn(), drawn(12, seed=1)
    np.savez_compressed("data.npz", x_train=x, y_train=y, x_test=xt, y_test=yt)
    task = load("data.npz", PLAIN)
    assert task.name == "data.npz"
    assert task.spec == DataSpec(3, 8, 8, 4)
    assert np.array_equal(task.train.images.numpy(), x)
    assert task.train.labels.tolist() == y.tolist()
    test = task.open_test(lambda: None)
    assert np.array_equal(test.images.numpy(), xt)
    assert test.labels.tolist() == yt.tolist()
    assert task.augmentation.mean == pytest.approx((x / 255).mean((0, 2, 3)).tolist())
    assert task.augmentation.std == pytest.approx((x / 255).std((0, 2, 3)).tolist())


def test_without_a_test_part_a_fifth_is_sealed_once():
    x, y = drawn(100)
    np.savez("data.npz", X=x, y=y)
    first, again = load("data.npz", PLAIN), load("data.npz", PLAIN)
    train, test = first.train, first.open_test(lambda: None)
    assert (len(train), len(test)) == (80, 20)
    assert rows(train.images) + rows(test.images) != rows(x)
    assert sorted(rows(train.images) + rows(test.images)) == rows(x)
    assert test.labels.bincount().tolist() == [5] * 4
    assert torch.equal(again.train.images, train.images)
    label = {one.tobytes(): one_y for one, one_y in zip(x, y, strict=True)}
    for part in (train, test):
        assert part.labels.tolist() == [label[one.numpy().tobytes()] for one in part.images]


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (("images", "labels"), {"train"}),
        (("train_images", "train_labels", "test_images", "test_labels"), {"train", "test"}),
        (("X_train", "Y_train", "X_val", "Y_val", "X_test", "Y_test"), {"train", "val", "test"}),
        (("trainX", "trainY", "validX", "validY"), {"train", "val"}),
        (("x", "y", "x_test", "y_test"), {"train", "test"}),
        (("train-data", "train-targets", "testing-data", "testing-targets"), {"train", "test"}),
        (("arr_0", "arr_1"), {"train"}),
    ],
)
def test_usual_names_of_arrays(names, parts):
    found, others = arrays.roles(names)
    assert not others
    assert {part for _, part in found} == parts
    assert len(found) == len(names)


def test_the_users_validation_part_is_what_a_search_validates_on():
    (x, y), (xv, yv) = drawn(), drawn(8, seed=2)
    np.savez("data.npz", x_train=x, y_train=y, x_val=xv, y_val=yv, x_test=x[:4] ^ 1, y_test=y[:4])
    train, val = load("data.npz", PLAIN).search_split(0, 0.5)
    assert np.array_equal(train.images.numpy(), x)
    assert np.array_equal(val.images.numpy(), xv)


def test_balanced_weights_are_those_of_the_training_part():
    (x, _), (xv, _) = drawn(16), drawn(40, seed=2)
    y, yv = np.arange(16) // 4 % 2, np.array([0] * 4 + [1] * 36)
    y[:4] = 1  # 12 of one class and 4 of the other
    np.savez("data.npz", x_train=x, y_train=y, x_val=xv, y_val=yv, x_test=x[:4] ^ 1, y_test=y[:4])
    balanced = TaskConfig(class_weights="balanced")
    task = load("data.npz", balanced)
    assert len(task.train) == 56
    assert task.loss.weights == pytest.approx((16 / (2 * 4), 16 / (2 * 12)))
    several = np.eye(2)[y].astype(np.float32)
    np.savez("labels.npz", x_train=x, y_train=several, x_val=xv, y_val=np.eye(2)[yv],
             x_test=x[:4] ^ 1, y_test=several[:4])  # fmt: skip
    assert load("labels.npz", balanced).loss.weights == pytest.approx((12 / 4, 4 / 12))
    # Without a part of its own, a search's split is as the whole, and the whole counts.
    np.savez("alone.npz", x_train=x, y_train=y, x_test=x[:4] ^ 1, y_test=y[:4])
    assert load("alone.npz", balanced).loss.weights == pytest.approx((2.0, 2 / 3))


@pytest.mark.parametrize("order", ["C", "F"])
def test_channels_may_come_last(order, said):
    x, y = drawn(20, (10, 12, 3))
    np.savez("data.npz", x=np.asarray(x, order=order), y=y, x_test=x[:8] ^ 1, y_test=y[:8])
    task = load("data.npz", PLAIN)
    assert task.spec.shape == (3, 10, 12)
    assert np.array_equal(task.train.images.numpy(), np.transpose(x, (0, 3, 1, 2)))
    assert "images (20, 10, 12, 3) are read as (n, height, width, channels)" in said


@pytest.mark.parametrize(
    ("array", "shape", "dtype"),
    [
        (np.zeros((20, 6, 9), np.uint8), (1, 6, 9), torch.uint8),
        (np.zeros((20, 9, 9)), (1, 9, 9), torch.float32),
        (np.zeros((20, 3, 64)), (3, 64), torch.float32),
        (np.zeros((20, 7), np.float16), (7,), torch.float32),
        (np.zeros((20, 1, 5, 5), np.int16), (1, 5, 5), torch.float32),
        (np.zeros((20, 2, 5, 5), np.bool_), (2, 5, 5), torch.float32),
        (np.arange(100).reshape(20, 5), (5,), torch.int64),
    ],
)
def test_shapes_and_types(array, shape, dtype):
    array = array.copy()
    if not array.any():  # 20 different examples
        array.reshape(20, -1)[:, :5] = (np.arange(20)[:, None] >> np.arange(5)) & 1
    np.save("X.npy", array)
    np.save("y.npy", np.arange(20) % 2)
    task = load("X.npy,y.npy", PLAIN)
    assert task.spec.shape == shape
    assert task.train.images.dtype == dtype
    assert task.spec.vocabulary == (100 if dtype == torch.int64 else 0)


def test_a_name_in_capital_letters_or_with_a_comma():
    x, y = drawn()
    for name in ("DATA.NPZ", "a,b.npz"):
        with Path(name).open("wb") as file:
            np.savez(file, x=x, y=y)
        assert len(load(name, PLAIN).train) == 32


def test_files_of_npy_by_position_and_by_name():
    x, y = drawn()
    for name, array in {"a": x, "b": y, "x_test": x[:8] ^ 1, "y_test": y[:8]}.items():
        np.save(f"{name}.npy", array)
    np.save("x_train.npy", x)
    np.save("y_train.npy", y)
    by_name = load("y_test.npy,x_test.npy,x_train.npy,y_train.npy", PLAIN)
    assert np.array_equal(by_name.train.images.numpy(), x)
    assert len(by_name.open_test(lambda: None)) == 8
    assert len(load("a.npy,b.npy", PLAIN).train) == 32
    assert len(load("y_train.npy,x_train.npy", PLAIN).train) == 32


def test_groups_are_kept_together(said):
    x, y = drawn(120)
    groups = np.array([f"patient {n // 3}" for n in range(120)])
    np.savez("data.npz", x=x, y=y, groups=groups, ids=np.arange(120))
    task = load("data.npz", PLAIN)
    assert "not read: ids" in said
    place = {one.tobytes(): group for one, group in zip(x, groups, strict=True)}
    train = [place[one.numpy().tobytes()] for one in task.train.images]
    test = [place[one.numpy().tobytes()] for one in task.open_test(lambda: None).images]
    assert not set(train) & set(test)
    halves = task.search_split(0, 0.5)
    assert not set(halves[0].groups.tolist()) & set(halves[1].groups.tolist())


@pytest.mark.parametrize("target", ["class", "labels", "numbers"])
@pytest.mark.parametrize("spread", [1, 60])
def test_copies_stay_on_one_side_of_the_share_that_is_cut_off(said, target, spread):
    """Of 60 examples, each is there ``120 // 60`` times: beside each other, or far apart."""
    x, _ = drawn(60)
    order = np.arange(120) // 2 if spread == 1 else np.arange(120) % 60
    given = {
        "class": order % 3,
        "labels": (order[:, None] >> np.arange(6)) & 1,  # 60 combinations
        "numbers": np.random.default_rng(0).normal(size=120),  # copies have different ones
    }[target]
    np.savez("data.npz", x=x[order], y=given)
    task = load("data.npz", TaskConfig(target=target))
    test = task.open_test(lambda: None)
    assert len(test) == 24
    assert not set(rows(task.train.images)) & set(rows(test.images))
    assert not [line for line in said if "are copies" in line]


def test_groups_and_copies_stay_on_one_side_together():
    x, y = drawn(80)
    x[1::16] = x[8::16]  # a copy of an example of the next group in each second one
    groups = np.arange(80) // 8
    np.savez("data.npz", x=x, y=y, groups=groups)
    task = load("data.npz", PLAIN)
    test = task.open_test(lambda: None)
    assert len(test) == 16  # one of five pairs of groups
    trained, tested = rows(task.train.images), rows(test.images)
    assert not set(trained) & set(tested)
    assert sorted(trained + tested) == rows(x)
    of = {one.tobytes(): int(group) for one, group in zip(x, groups, strict=True)}
    inside = {of[one] // 2 for one in tested}
    assert not inside & {of[one] // 2 for one in trained}
    assert len(set(task.train.groups.tolist())) == 8  # those of the user


@pytest.mark.parametrize(("given", "other"), [("train", "val"), ("val", "train")])
def test_groups_of_one_of_training_and_validation(given, other, monkeypatch):
    (x, y), (xv, yv), (xt, yt) = drawn(), drawn(seed=1), drawn(8, seed=2)
    parts = {"x": x, "y": y, "x_val": xv, "y_val": yv, "x_test": xt, "y_test": yt}
    groups = {f"groups_{given}": np.arange(40) // 4}
    np.savez("data.npz", **parts, **groups)
    with monkeypatch.context() as patch:
        patch.delattr(packing.packed_writer, "writing")  # nothing is packed before
        line = f"^data.npz: {given} has groups and {other} has none: give both or neither$"
        with pytest.raises(UserError, match=line):
            load("data.npz", PLAIN)
    groups[f"groups_{other}"] = np.arange(40) // 4 + 10
    np.savez("data.npz", **parts, **groups)
    kept = [*groups["groups_train"], *groups["groups_val"]]
    pairs = zip(kept, load("data.npz", PLAIN).train.groups.tolist(), strict=True)
    assert len(set(kept)) == len(set(pairs)) == 20  # the same groups by other numbers


def test_the_test_part_alone_needs_no_groups():
    (x, y), (xt, yt) = drawn(), drawn(8, seed=2)
    np.savez("data.npz", x=x, y=y, groups=np.arange(40) // 4, x_test=xt, y_test=yt)
    assert load("data.npz", PLAIN).train.groups.unique().tolist() == list(range(10))


def test_examples_that_are_all_copies_leave_nothing_to_test_on():
    x, y = torch.zeros(20, 5), torch.arange(20) % 2
    np.savez("data.npz", x=x.numpy(), y=y.numpy())
    words = "no class has more than one example, copies counting as one"
    with pytest.raises(UserError, match=f"^data.npz: a test share cannot be cut off: {words}"):
        load("data.npz", PLAIN)
    with pytest.raises(UserError, match=words):
        arrays.from_memory(TensorDataset(x, y))


def test_copies_of_training_examples_are_told(said):
    x, y = drawn()
    np.savez("data.npz", x_train=x, y_train=y, x_test=x[10:14], y_test=y[10:14])
    load("data.npz", PLAIN)
    (line,) = [one for one in said if "are copies" in one]
    assert "4 of 4 test examples are copies of training examples" in line
    assert "1 = 11" in line


def test_labels_from_one_and_names(said):
    x, y = drawn()
    np.savez("one.npz", x=x, y=y + 1)
    assert load("one.npz", PLAIN).class_names == ("1", "2", "3", "4")
    assert any("labels start at 1" in one for one in said)
    np.savez("names.npz", x=x, y=y[:, None], class_names=["a", "b", "c", "d"])
    task = load("names.npz", PLAIN)
    assert task.class_names == ("a", "b", "c", "d")
    assert task.target == "class"


def test_other_targets():
    x, _ = drawn()
    made = np.random.default_rng(0)
    np.savez("labels.npz", x=x, y=made.integers(0, 2, (40, 3)))
    np.savez("numbers.npz", x=x, y=made.normal(size=40))
    labels, numbers = load("labels.npz", PLAIN), load("numbers.npz", PLAIN)
    assert (labels.target, labels.spec.outputs) == ("labels", 3)
    assert (numbers.target, numbers.spec.outputs) == ("numbers", 1)
    np.savez("ages.npz", x=x, y=np.arange(40))
    with pytest.raises(UserError, match=r"too few training examples.*--target numbers"):
        load("ages.npz", PLAIN)
    assert load("ages.npz", TaskConfig(target="numbers")).target == "numbers"


def bad_nan():
    x = np.zeros((20, 4))
    x[7, 2] = np.nan
    return {"x": x, "y": np.arange(20) % 2}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"x": np.zeros((4, 3))}, "lacks the targets of train, such as y"),
        ({"y": np.zeros(4)}, "lacks the examples of train, such as x, images"),
        ({"q": np.zeros(4)}, "lacks the examples of train.*it holds q"),
        ({"x": np.zeros((4, 3)), "images": np.zeros((4, 3)), "y": np.zeros(4)}, "mean the same"),
        ({"x": np.zeros((4, 3)), "y": np.zeros(5)}, "train has 4 examples and 5 targets"),
        ({"x": np.zeros(4), "y": np.zeros(4)}, "examples have the shape"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, "examples have the shape"),
        ({"x": np.zeros((4, 3), complex), "y": np.zeros(4)}, "examples are complex128"),
        ({"x": np.zeros((4, 3)), "y": np.zeros(4)}, "every example is of the class 0"),
        (bad_nan(), "train example 8 holds nan: must be finite"),
        ({"x": np.full((4, 3), -1), "y": np.arange(4) % 2}, "token -1: must be 0 to"),
        ({"x": np.array([["a"]] * 4), "y": np.arange(4) % 2}, "examples are <U1"),
        (
            {
                "x": np.zeros((4, 3)),
                "y": np.zeros(4),
                "x_test": np.zeros((2, 4)),
                "y_test": [0, 1],
            },
            r"examples of test are float64 \(4,\), and those of train float64 \(3,\)",
        ),
        ({"x": np.zeros((4, 3)), "y": np.zeros(4), "x_test": np.zeros((2, 3))}, "targets of test"),
        (
            {"x": np.zeros((4, 3)), "y": np.zeros(4), "groups": np.zeros(3)},
            "4 examples and 3 group",
        ),
    ],
)
def test_arrays_that_do_not_fit(content, line):
    np.savez("data.npz", **content)
    with pytest.raises(UserError, match=line) as caught:
        load("data.npz", PLAIN)
    assert "data.npz" in str(caught.value)


def test_nothing_is_unpickled():
    np.savez("data.npz", x=np.array([{}, []], dtype=object), y=np.arange(2))
    with pytest.raises(UserError, match=r"x cannot be read .holds Python objects"):
        load("data.npz", PLAIN)
    np.save("X.npy", np.array([{}, []], dtype=object))
    np.save("y.npy", np.arange(2))
    with pytest.raises(UserError, match=r"X.npy: not a readable .npy file"):
        load("X.npy,y.npy", PLAIN)


def test_damaged_files():
    Path("data.npz").write_bytes(b"PK\x03\x04 not more")
    with pytest.raises(UserError, match=r"not a readable .npz file"):
        load("data.npz", PLAIN)
    np.save("X.npy", np.zeros((40, 3)))
    content = Path("X.npy").read_bytes()
    Path("X.npy").write_bytes(content[:-20])
    np.save("y.npy", np.arange(40) % 2)
    with pytest.raises(UserError, match=r"X.npy: not a readable .npy file"):
        load("X.npy,y.npy", PLAIN)
    with zipfile.ZipFile("cut.npz", "w") as archive:
        archive.writestr("x.npy", content[:-20])
        archive.writestr("y.npy", Path("y.npy").read_bytes())
    with pytest.raises(UserError, match=r"x cannot be read .is cut"):
        load("cut.npz", PLAIN)
    with pytest.raises(
        UserError, match=r"targets are missing: give examples and targets as X.npy"
    ):
        load("y.npy", PLAIN)


@pytest.mark.parametrize("option", [{"size": 32}, {"channels": 1}, {"columns": "label=y"}])
def test_options_of_other_data_are_refused(option):
    np.savez("data.npz", x=np.zeros((4, 3)), y=np.arange(4) % 2)
    ((name, value),) = option.items()
    with pytest.raises(UserError, match=f"--{name} {value}: is for"):
        load("data.npz", TaskConfig(**option))


def idx(path: Path, offset: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)


@pytest.mark.data
@pytest.mark.slow
def test_mnist_as_npz_is_the_built_in_task(real_data):
    folder = real_data / "mnist"
    saved = {}
    for part, file in {"train": "train", "test": "t10k"}.items():
        images, labels = (f"{file}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
        saved[f"x_{part}"] = idx(folder / images, 16).reshape(-1, 28, 28)
        saved[f"y_{part}"] = idx(folder / labels, 8)
    np.savez("mnist.npz", **saved)
    own, built_in = load("mnist.npz", PLAIN), mnist.load_mnist(real_data, download=False)
    assert own.spec == built_in.spec
    assert torch.equal(own.train.images, built_in.train.images)
    assert torch.equal(own.train.labels, built_in.train.labels)
    ours, theirs = (task.open_test(lambda: None) for task in (own, built_in))
    assert torch.equal(ours.images, theirs.images)
    assert torch.equal(ours.labels, theirs.labels)
    assert own.augmentation.mean == pytest.approx(built_in.augmentation.mean, abs=1e-4)
    assert own.augmentation.std == pytest.approx(built_in.augmentation.std, abs=1e-4)


def test_arrays_in_memory_are_opened_again_by_their_name():
    x, y = drawn(100)
    task = arrays.from_memory((torch.from_numpy(x), y.tolist()), name="my data")
    assert Path(task.name).name.startswith("my-data-")
    again = load(task.name, PLAIN)
    assert again.name == Path(task.name).name
    assert again.fingerprint == task.fingerprint
    assert torch.equal(again.train.images, task.train.images)
    assert arrays.from_memory((x, y), name="my data").name == task.name
    assert arrays.from_memory((x ^ 1, y), name="my data").name != task.name


def test_a_dataset_in_memory():
    x, y = drawn(100)
    data: Dataset = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    task = arrays.from_memory(
        data, TensorDataset(torch.from_numpy(x[:9] ^ 1), torch.arange(9) % 4)
    )
    assert np.array_equal(task.train.images.numpy(), x)
    assert task.train.labels.tolist() == y.tolist()
    assert len(task.open_test(lambda: None)) == 9
    assert load(task.name, PLAIN).fingerprint == task.fingerprint


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"train": np.zeros((4, 3))}, r"train: is ndarray: must be a pair \(X, y\)"),
        ({"train": ([[1.0], [1.0, 2.0]], [0, 1])}, "train: cannot be made an array"),
        ({"train": (np.zeros((4, 3)), 3)}, "must be arrays with a row for each"),
        ({"train": drawn(), "groups": [1, 2]}, r"groups: have the shape \(2,\): must be \(40,\)"),
        ({"train": drawn(), "test": drawn(), "groups": [1] * 40}, "groups: are for data without"),
        ({"train": drawn(), "target": "class", "size": 4}, "--size 4: is for pictures"),
        ({"train": drawn(), "target": "x"}, "target x: allowed: class, labels, numbers"),
    ],
)
def test_what_cannot_be_packed_from_memory(given, line):
    with pytest.raises(UserError, match=line):
        arrays.from_memory(**given)
