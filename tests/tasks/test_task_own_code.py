"""The user's own code as a task: functions and classes that return tasks, datasets or pairs."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from nasbench.config import TaskConfig
from nasbench.data import decoding, watching
from nasbench.errors import UserError
from nasbench.tasks.arrays import from_memory
from nasbench.tasks.loading import load

PLAIN = TaskConfig()
HEAD = """
import numpy as np, torch
from torch.utils.data import Dataset, IterableDataset, TensorDataset
from PIL import Image

X = np.random.default_rng(0).integers(0, 256, (60, 3, 6, 6), np.uint8)
Y = np.arange(60) % 3

class Items(Dataset):
    def __init__(self, x=X, y=Y):
        self.x, self.y = x, y
    def __len__(self):
        return len(self.x)
    def __getitem__(self, i):
        return self.x[i], self.y[i]
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path):
    """A function that writes the user's file and opens a name in it."""

    def opened(code: str, name: str = "Mine", config: TaskConfig = PLAIN, data_dir=None):
        Path("mine.py").write_text(HEAD + dedent(code))
        return load(f"mine.py:{name}", config, data_dir)

    return opened


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


X = np.random.default_rng(0).integers(0, 256, (60, 3, 6, 6), np.uint8)


@pytest.mark.parametrize(
    "code",
    [
        "def Mine(data_dir=None): return Items(), Items(X[:9] ^ 1, Y[:9])",
        "def Mine(): return [Items(), Items(X[:9] ^ 1, Y[:9])]",
        "def Mine(): return (X, Y), (X[:9] ^ 1, Y[:9])",
        "def Mine(): return Items(), Items(X[:3] ^ 1, Y[:3]), Items(X[:9] ^ 1, Y[:9])",
        """
        def Mine():
            one = TensorDataset(torch.tensor(X), torch.tensor(Y))
            return one, TensorDataset(torch.tensor(X[:9] ^ 1), torch.tensor(Y[:9]))
        """,
        """
        class Endless(IterableDataset):
            def __init__(self, x, y): self.x, self.y = x, y
            def __iter__(self): return iter(zip(self.x, self.y))
        def Mine(): return Endless(X, Y), Endless(X[:9] ^ 1, Y[:9])
        """,
        """
        def pictures(x): return [Image.fromarray(one.transpose(1, 2, 0)) for one in x]
        def Mine(): return Items(pictures(X), Y), Items(pictures(X[:9] ^ 1), Y[:9])
        """,
    ],
)
def test_pairs_of_datasets(own, code):
    task = own(code)
    assert task.name == "mine.py:Mine"
    kept = 60 + (3 if "X[:3]" in code else 0)
    assert len(task.train) == kept
    assert np.array_equal(task.train.images[:60].numpy(), X)
    assert task.train.labels[:60].tolist() == (np.arange(60) % 3).tolist()
    test = task.open_test(lambda: None)
    assert np.array_equal(test.images.numpy(), X[:9] ^ 1)
    assert (task.held_out is None) is (kept == 60)


def test_a_class_and_its_classes(own):
    task = own("class Mine(Items): classes = ['a', 'b', 'c']")
    assert (len(task.train), task.class_names) == (48, ("a", "b", "c"))


def test_a_task_as_before(own):
    code = """
    from nasbench.tasks.base import Task
    def Mine(data_dir=None, download=True):
        return Task.from_arrays(str(data_dir), (X, Y), (X, Y))
    """
    assert own(code, data_dir=Path("some")).name == "some"
    with pytest.raises(UserError, match=r"--size 8: is for data of your own, and mine.py:Mine"):
        own(code, config=TaskConfig(size=8))


def test_a_folder_is_handed_on(own, tmp_path):
    np.save(tmp_path / "x.npy", X[::-1])
    code = "def Mine(data_dir=None): return Items(np.load(data_dir / 'x.npy'), Y)"
    assert len(own(code, data_dir=tmp_path).train) == 48
    with pytest.raises(UserError, match=r"--data-dir .*: the task mine.py:Mine takes no data_dir"):
        own("def Mine(): return Items()", data_dir=tmp_path)


def test_what_was_packed_is_found_again_and_changes_are_seen(own, said):
    first = own("def Mine(): return Items()")
    assert any("sealed" in line for line in said)
    said.clear()
    assert own("def Mine(): return Items()").fingerprint == first.fingerprint
    assert not any("sealed" in line for line in said)
    Path("y.npy").write_bytes(b"")
    np.save("y.npy", np.arange(60) % 3)
    reads = "def Mine(): return Items(X, np.load('y.npy'))"
    before = own(reads)
    np.save("y.npy", np.arange(60) % 2)
    assert own(reads).fingerprint != before.fingerprint


def test_random_items_are_told_and_leave_the_callers_numbers(own, said):
    code = """
    class Mine(Items):
        def __getitem__(self, i):
            return self.x[i] + torch.randn(3, 6, 6).numpy(), self.y[i]
    """
    before = torch.random.get_rng_state()
    one = own(code)
    assert any("items change from one reading to the next" in line for line in said)
    assert torch.equal(before, torch.random.get_rng_state())
    assert own(code).fingerprint == one.fingerprint


@pytest.mark.parametrize(
    ("labels", "target", "names"),
    [
        ("['b', 'a', 'c'] * 20", "class", ("a", "b", "c")),
        ("list(Y + 1)", "class", ("1", "2", "3")),
        ("torch.rand(60)", "numbers", ()),
        ("np.random.rand(60, 2)", "numbers", ()),
        ("torch.tensor([[0, 1, 1], [1, 0, 0]] * 30)", "labels", ()),
    ],
)
def test_targets_of_items(own, labels, target, names):
    task = own(f"def Mine(): return Items(X, {labels})")
    assert (task.target, task.class_names) == (target, names)


PICTURES = """
def Mine():
    made = [Image.new("L", (20 + i % 3, 30), i) for i in range(60)]
    return Items(made, Y)
"""


def test_pictures_of_unequal_sizes_are_resized(own):
    task = own(PICTURES)
    assert task.spec.shape == (1, 20, 20)
    assert own(PICTURES, config=TaskConfig(size=8, channels=3)).spec.shape == (3, 8, 8)


class Opened(Dataset):
    """Pictures in files, as Pillow opens them; the classes take turns."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, place):
        return Image.open(BytesIO(self.paths[place].read_bytes())), place % 2


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_items_become_examples_as_those_of_files_do(tmp_path, channels):
    made = np.random.default_rng(0).integers(0, 256, (12, 20, 30, 4), np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for orientation, (pixels, path) in enumerate(zip(made[:8], paths, strict=False), start=1):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels[..., :3]).save(path, exif=exif)
    Image.fromarray(made[8]).save(paths[8])
    Image.fromarray(made[9, ..., :2], "LA").save(paths[9])
    Image.fromarray(made[10, ..., 0]).convert("P").save(paths[10], transparency=3)
    Image.fromarray(made[11, ..., 0].astype(np.uint16) * 257).save(paths[11])
    data = Opened(paths)
    task = from_memory(data, data, size=20, channels=channels)
    expected = [decoding.decode(path, 20, channels).pixels for path in paths]
    assert np.array_equal(task.train.images.numpy(), np.array(expected))
    if channels == 1:
        return
    turned = np.rot90(made[5, ..., :3], -1)[5:25]  # orientation 6: the right side is the top
    assert np.array_equal(expected[5], turned.transpose(2, 0, 1))
    share = made[8, :, 5:25, 3:].astype(float) / 255
    white = made[8, :, 5:25, :3] * share + 255 * (1 - share)
    assert np.abs(expected[8].transpose(1, 2, 0) - white).max() <= 1


def test_pictures_that_are_turned_have_the_size_that_is_seen(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{number}.png", exif=exif)
        Image.fromarray(np.rot90(one, -1)).save(tmp_path / f"upright-{number}.png")
    for names in ("{}", "upright-{}"), ("upright-{}", "{}"), ("{}", "{}"):
        data = Opened([tmp_path / f"{names[n % 2].format(n)}.png" for n in range(4)])
        task = from_memory(data, data)
        seen = [np.rot90(one, -1).transpose(2, 0, 1) for one in pixels]
        assert np.array_equal(task.train.images.numpy(), np.array(seen))


def test_a_picture_that_is_cut_is_named(tmp_path):
    whole = tmp_path / "0.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)).save(whole)
    cut = tmp_path / "1.png"
    cut.write_bytes(whole.read_bytes()[:900])
    with pytest.raises(UserError, match=r"^data: item 1 of train cannot be read: OSError"):
        from_memory(Opened([whole, cut, whole]))


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("Mine = 3", "must be a function or a class"),
        ("def Mine(a, b): pass", "called without arguments, or with data_dir alone"),
        ("def Mine(): return 3", "returned int: must be a nasbench Task, a dataset, or a pair"),
        ("def Mine(): return Items(), 3", "returned Items, int: must be"),
        ("def Mine(): return Items(X[:0], Y)", "the dataset of train is empty"),
        ("def Mine(): return Items(X, [-1, 0, 1] * 20)", "label -1: must be 0 or more"),
        ("def Mine(): return Items([X[0], X[0][:, 1:]] * 30)", "item 1 of train has the shape"),
        ("def Mine(): return Items([X[0], X[0] * 0.5] * 30)", "item 1 of train is float64, and"),
        ("def Mine(): return Items(X, ['a', 1] * 30)", "item 1 of train: the target is '1'"),
        ("def Mine(): return Items(X, [None] * 60)", "the target is NoneType 'None': must be"),
        ("def Mine(): return Items(['a'] * 60)", "the example is str: must be a tensor"),
        ("def Mine(): return Items(X, Y[:9])", "item 9 of train cannot be read: IndexError"),
        ("class Mine(Items):\n    classes = ['a', 'b']", "label 2: must be 0 to 1"),
        ("class Mine(Items):\n    def __getitem__(self, i): return self.x[i]", "is ndarray: must"),
        (
            "class Mine(Items):\n    def __getitem__(self, i): raise OSError(f'no {i}.png')",
            "item 0 of train cannot be read: OSError: no 0.png",
        ),
        ("class Mine(Items):\n    def __len__(self): raise TypeError", "train has no length"),
    ],
)
def test_code_that_gives_no_task(own, code, line):
    with pytest.raises(UserError, match=line) as caught:
        own(code)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_of_items_that_cannot_be_packed(own, tmp_path):
    with pytest.raises(UserError):
        own("def Mine(): return Items([X[0], X[0][:, 1:]] * 30)")
    left = [path.name for path in (tmp_path / "cache" / "nasbench" / "data").iterdir()]
    assert all(name.endswith(".lock") for name in left)
