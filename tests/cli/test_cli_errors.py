"""Bad input: one line, status 2, and what was written before is kept."""

from __future__ import annotations

import json
import re
import shutil
import struct
from pathlib import Path

import pytest
import torch

from nasbench.devices import pick
from nasbench.errors import UserError


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("dart", "unknown strategy 'dart': did you mean darts"),
        ("dartz", "unknown strategy 'dartz': did you mean darts"),
        ("darts --task mnst", "unknown task 'mnst': did you mean mnist"),
        ("darts --space dart", "unknown space 'dart': did you mean darts"),
        ("", "which STRATEGY? see: nasbench list strategies"),
        ("darts --epochs 0", "--epochs 0: must be at least 1"),
        ("darts --lr -1", "--lr -1.0: must be above 0"),
        ("darts --lr 0", "--lr 0.0: must be above 0"),
        ("darts --val-fraction 1.0", "--val-fraction 1.0: must be in (0, 1)"),
        (
            "darts --precision fp8",
            "unknown --precision 'fp8': did you mean fp32? allowed: fp32, bf16",
        ),
        ("darts --preset fast", "unknown --preset 'fast': allowed: quick, paper, ranking"),
        ("darts --device tpu", "--device tpu: allowed: auto, cpu, cuda, cuda:N"),
        ("darts -o order", "-o order: must look like key=value"),
        (
            "darts -o ordr=2 --space space.py:Tiny",
            "unknown argument -o 'ordr': did you mean order? allowed: arch_lr, ",
        ),
        ("darts -o order=two", "-o order=two: must be of type int"),
        ("darts -o order=3", "unknown -o order '3': allowed: 1, 2"),
        ("random --budget 0", "--budget '0': must be above 0, and whole for trials and epochs"),
        ("random --budget many", "--budget 'many': must look like 20, '40 epochs', 900s, 15min"),
        ("evolution -o sample=30", "-o sample=30: must be in [1, population=6]"),
        ("darts --budget 5", "--budget 5: darts trains one supernet and has no trials: it is for"),
        ("darts --concurrency 2", "--concurrency 2: darts trains one supernet and has no trials"),
        ("random --max-latency 0", "--max-latency 0.0: must be above 0"),
        ("random --dataset cifar10", "--dataset cifar10: is a table's: give --table, too"),
        (
            "darts -o channels=0",
            "space Darts: channels, layers, stem_multiplier and nodes must be at least 1",
        ),
        ("darts -o width=4.5 --space space.py:Tiny", "-o width=4.5: must be of type int"),
        (
            "darts --limit-train 5000",
            "--limit-train 5000: the task digits has 1437 training images",
        ),
        (
            "darts --task mnist --data-dir nowhere",
            "--data-dir nowhere: no such folder; it must exist",
        ),
        ("darts --space gone.py:Tiny", "space 'gone.py': there is no such file"),
        (
            "darts --task os:system --space space.py:Tiny",
            "task 'os:system': must be a function or a class that can be called without",
        ),
        ("darts --space json:dumps", "space 'json:dumps': must be a subclass of nasbench.space."),
        ("os:system", "strategy 'os:system': must be a OneShotStrategy or SampledStrategy"),
        (
            "random --table os:getcwd",
            "table 'os:getcwd': must be a function of a path and a data folder",
        ),
        ("darts --concurrency 100000000000000000000000", "--concurrency 1000000000000"),
        ("darts --epochs 10000000", "--epochs 10000000: must be at most 1,000,000"),
        ("darts -o channels=100000000000", "-o channels=100000000000: must be at most 1,000"),
    ],
)
@pytest.mark.usefixtures("place")
def test_search_refuses(refused, words, line):
    told = refused("search", *words.split())
    assert told.startswith(line)
    if line.startswith("unknown"):
        assert len(told.partition("allowed: ")[2].split(", ")) >= 2
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("search darts --epoch 3", ["--epoch", "--epochs", "nasbench search --help"]),
        ("search darts --epochs three", ["--epochs", "'three'", "integer"]),
        ("search darts --epochs=three", ["--epochs", "'three'", "integer"]),
        ("search darts --epochs 3 --epochs x", ["--epochs", "'x'", "integer"]),
        ("search darts --lr fast", ["--lr", "'fast'", "number"]),
        ("search darts --seeds 0", ["--seeds", "0", "1"]),
        ("search darts --epochs", ["--epochs", "argument"]),
        ("search darts more", ["more", "unexpected"]),
        ("serch darts", ["serch", "search", "nasbench --help"]),
        ("show", ["checkpoint", "Missing", "nasbench show --help"]),
    ],
)
@pytest.mark.usefixtures("place")
def test_the_command_line_itself(refused, words, named):
    line = refused(*words.split())
    assert [word for word in named if word not in line] == []


def finds(monkeypatch, kind, count):
    """Let torch report accelerators of a kind, or none."""
    found = None if kind is None else torch.device(kind)
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda check_available=False: found
    )
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)


def test_the_accelerators_of_other_makers_are_taken_by_name(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.accelerator, "set_device_index", chosen.append)
    finds(monkeypatch, "mps", 1)
    assert pick("mps") == torch.device("mps")
    assert pick("auto") == torch.device("cpu")  # none of this was run on such a device
    with pytest.raises(UserError, match="cuda: torch finds no GPU here; allowed: auto, cpu, mps"):
        pick("cuda")
    with pytest.raises(UserError, match="--device mps:0: allowed: auto, cpu, cuda, cuda:N, mps"):
        pick("mps:0")
    finds(monkeypatch, "xpu", 3)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert [pick("xpu"), pick("xpu:2")] == [torch.device("xpu", 1), torch.device("xpu", 2)]
    assert chosen == [1, 2]
    with pytest.raises(UserError, match="--device xpu:3: allowed: xpu:0 to xpu:2"):
        pick("xpu:3")
    finds(monkeypatch, "cuda", 2)
    assert pick("auto") == torch.device("cuda", 1)


@pytest.mark.usefixtures("place")
def test_a_missing_gpu(refused, monkeypatch, tiny):
    finds(monkeypatch, None, 0)
    for name in ("cuda", "cuda:1", "mps", "xpu:0"):
        line = refused("search", "darts", *tiny, "--device", name)
        lacking = "GPU" if name[:4] == "cuda" else f"{name[:3]} device"
        assert line == f"--device {name}: torch finds no {lacking} here; allowed: auto, cpu"
    assert not Path("results").exists()


@pytest.mark.usefixtures("place")
def test_a_gpu_too_many(refused, monkeypatch, tiny):
    finds(monkeypatch, "cuda", 2)
    line = refused("search", "darts", *tiny, "--device", "cuda:2")
    assert line == "--device cuda:2: allowed: cuda:0 to cuda:1"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "--config c.yaml: cannot be read: No such file or directory"),
        ("a: [1\n", "--config c.yaml: not YAML: "),
        ("- epochs\n", "--config c.yaml: expected 'option: value' lines"),
        ("epoch: 3\n", "unknown option 'epoch': did you mean epochs? allowed: metric, "),
        ("epochs: many\n", "--epochs 'many': must be of type int"),
        ("strategy: 3\n", "--strategy 3: must be of type str"),
        ("options: 3\n", "--config c.yaml: 'options' must hold 'key: value' lines"),
        ("options: {order: 3}\n", "unknown -o order '3': allowed: 1, 2"),
        ("options: {1: 3}\n", "unknown argument -o '1': allowed: arch_lr, "),
    ],
)
def test_a_config_file_that_does_not_fit(place, refused, content, line):
    if content is not None:
        (place / "c.yaml").write_text(content)
    words = [] if content and "strategy" in content else ["darts"]
    assert refused("search", *words, "--config", "c.yaml").startswith(line)
    assert not Path("results").exists()


@pytest.mark.usefixtures("place")
def test_a_batch_larger_than_the_data(refused, runs, tiny):
    line = refused("search", "darts", *tiny, "--batch-size", "101")
    # Half of the 200 images are there to choose the architecture on.
    assert line == "--batch-size 101 is larger than the 100 training images: choose at most 100"
    assert [run["status"] for run in runs()] == ["failed"]


def test_a_data_folder_with_a_truncated_file(place, refused, tiny):
    folder = place / "data" / "mnist"
    folder.mkdir(parents=True)
    for part in ("train", "t10k"):
        images = struct.pack(">4B3I", 0, 0, 8, 3, 20, 28, 28) + bytes(20 * 28 * 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        labels = struct.pack(">4BI", 0, 0, 8, 1, 20) + bytes(20)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    cut = folder / "train-images-idx3-ubyte"
    cut.write_bytes(cut.read_bytes()[:-1])
    line = refused("search", "darts", *tiny, "--task", "mnist", "--data-dir", "data")
    assert line.startswith(f"{cut} is truncated: 15679 bytes of values")
    assert "15680" in line
    assert not Path("results").exists()


@pytest.mark.usefixtures("place")
def test_results_that_cannot_be_written(refused, tiny):
    Path("taken").write_text("a file")
    line = refused("search", "darts", *tiny, "--out", "taken")
    assert re.fullmatch(r"cannot write taken/runs/\S+: Not a directory; .* kept", line)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"format": "nasbench/2"}, "has the newer format nasbench/2: this version reads"),
        ({"format": "other/1"}, "has the format 'other/1': allowed: nasbench/1"),
        ({"data": None}, "the field 'data' has the value None: expected dict"),
        ({"metrics": None}, "the field 'metrics' has the value None: expected dict"),
        ({"cost": {"device_seconds": "long"}}, "the field 'cost.device_seconds' has the value"),
        (
            {"arch": {"first": "conv9"}},
            "the label 'first' has the value 'conv9': allowed: conv3, ",
        ),
        ({"arch": {"first": [{}]}}, "the label 'first' has the value [{}]: allowed: conv3, "),
        ({"arch": {"join": [0, 1]}}, "the label 'join' has the value [0, 1]: allowed: [0], [1]"),
        ({"arch": {"frist": "skip"}}, "unknown label 'frist': did you mean first? allowed: "),
        ({"arch": {"second": ...}}, "lacks the label 'second': allowed: conv3, conv1, skip"),
        ({"space": {"name": "dart"}}, "unknown space 'dart': did you mean darts"),
        ({"space": {"arguments": {"widht": 3}}}, "unknown argument -o 'widht': did you mean wid"),
        ({"space": {"arguments": {"width": "x"}}}, "-o width=x: must be of type int"),
        ({"space": {"name": "gone.py:Tiny"}}, "there is no such file: name it with --space"),
        ({"space": {"sha256": "0"}}, "the file is not the one the search ran: name it with --sp"),
        ({"space": {"sha256": None}}, "the file is not the one the search ran: name it with --sp"),
    ],
)
@pytest.mark.parametrize("verb", ["retrain", "show"])
def test_a_checkpoint_that_does_not_fit(refused, runs, checkpoint, small, verb, changes, line):
    content = json.loads(checkpoint.read_text())
    for name, value in changes.items():
        inner = {**content[name], **value} if isinstance(value, dict) else value
        if isinstance(inner, dict):
            inner = {key: item for key, item in inner.items() if item is not ...}
        content[name] = inner
    Path("edited.json").write_text(json.dumps(content))
    before = len(runs())
    assert line in refused(verb, "edited.json", *(small if verb == "retrain" else ()))
    assert len(runs()) == before
    assert not Path("architecture.svg").exists()


@pytest.mark.parametrize("verb", ["retrain", "show"])
@pytest.mark.usefixtures("place")
def test_a_checkpoint_that_is_none(refused, verb):
    assert refused(verb, "gone.json") == (
        "cannot read the checkpoint gone.json: No such file or directory"
    )
    Path("text.json").write_text("hello")
    assert refused(verb, "text.json").startswith("text.json: of no known format: ")


@pytest.mark.usefixtures("place")
def test_retrain_wants_a_checkpoint(refused):
    assert refused("retrain") == "no CHECKPOINT given: nasbench search writes one"


def test_data_of_another_shape(refused, checkpoint, small):
    content = json.loads(checkpoint.read_text())
    content["data"]["height"] = 28
    checkpoint.with_name("edited.json").write_text(json.dumps(content))
    line = refused("retrain", checkpoint.with_name("edited.json"), *small)
    assert "'height': 28" in line
    assert "the task digits has {'channels': 1, 'height': 8, 'width': 8, 'classes': 10}" in line


@pytest.mark.parametrize("change", ["moved", "edited"])
def test_a_space_file_that_moved_or_changed_must_be_named(
    run, refused, finished, checkpoint, small, change
):
    path = finished / "space.py"
    if change == "moved":
        path = path.rename(finished / "moved.py")
        shutil.rmtree(checkpoint.parent / "code")
    else:
        path.write_text(path.read_text() + "\n# edited\n")
    for words in (("show", checkpoint), ("retrain", checkpoint, *small)):
        assert refused(*words).endswith("name it with --space file.py:Class")
        answer = run(*words, "--space", f"{path}:Tiny", "--json")
        assert answer.status == 0, answer.err
    assert answer.json["test_examples"] == 360


def test_a_run_folder_is_rebuilt_from_its_copy_of_a_space(run, refused, finished, checkpoint):
    name = "code/*/space.py"
    assert next(checkpoint.parent.glob(name)).read_text() == (finished / "space.py").read_text()
    (finished / "space.py").unlink()
    assert run("show", checkpoint).status == 0
    copy = next(checkpoint.parent.glob(name))
    copy.write_text(copy.read_text() + "\n# edited\n")
    assert refused("show", checkpoint).endswith("name it with --space file.py:Class")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("class Tiny(\n", "space 'mine.py' cannot be imported: SyntaxError: '(' was never closed"),
        ("class Tny: pass\n", "unknown space in mine.py 'Tiny': did you mean Tny? allowed: Tny"),
        (
            "class Tiny: pass\n",
            "space 'mine.py:Tiny': must be a subclass of nasbench.space.Search",
        ),
        ("Tiny = 3\n", "space 'mine.py:Tiny': must be a subclass of nasbench.space.SearchSpace"),
    ],
)
@pytest.mark.parametrize("strategy", ["darts", "random"])
def test_a_broken_space_file(refused, space, small, strategy, text, line):
    assert refused("search", strategy, "--space", space(new=text), *small).startswith(line)
    assert not Path("results").exists()


def test_a_constructor_that_refuses(refused, space, small):
    name = space("super().__init__(spec)", "raise ValueError('8x8 is\\ntoo small')")
    line = refused("search", "darts", "--space", name, *small)
    assert line == "space Tiny: 8x8 is too small"  # two lines of the user's, told in one
    assert not Path("results").exists()


def test_a_label_used_twice(refused, space, small):
    name = space('label="second"', 'label="join"')
    line = refused("search", "darts", "--space", name, *small)
    assert line.startswith("space Tiny: the label 'join' is used twice with different candidates")


def test_a_number_cannot_be_mixed(refused, run, space, small):
    name = space(
        "self.stem = nn.Conv2d(spec.channels, width,",
        "from nasbench.space import ValueChoice\n"
        "        self.width = ValueChoice([2, 4], label='width')\n"
        "        width = self.width.number\n"
        "        self.stem = nn.Conv2d(spec.channels, width,",
    )
    line = refused("search", "darts", "--space", name, *small)
    assert "'width'" in line
    answer = run("search", "random", "--space", name, *small, "--budget", "1", "--json")
    assert answer.status == 0
    assert answer.json["arch"]["width"] in (2, 4)


def test_a_space_typed_for_checkers_only(run, space, small):
    name = space(
        "from nasbench.space import DataSpec, InputChoice",
        "from __future__ import annotations\nfrom nasbench.space import InputChoice",
        name="typed",
    )
    path = Path("typed.py")
    lines = path.read_text().splitlines(keepends=True)
    future = [line for line in lines if "__future__" in line]
    path.write_text("".join(future + [line for line in lines if line not in future]))
    answer = run("search", "darts", "--space", name, *small, "--json")
    assert answer.status == 0, answer.err


@pytest.mark.parametrize("kind", ["list", "leaderboard"])
@pytest.mark.usefixtures("place")
def test_unknown_names_elsewhere(refused, kind):
    if kind == "list":
        line = "unknown list 'nonsense': did you mean losses? allowed: spaces, strategies, "
        assert refused("list", "nonsense").startswith(line)
        assert "did you mean tasks or tables?" in refused("list", "task")
        return
    line = refused("leaderboard", "--format", "mdx")
    assert (
        line
        == "unknown --format 'mdx': did you mean md? allowed: table, md, csv, json, html, latex"
    )
    assert refused("leaderboard", "--task", "mnst").startswith("unknown task 'mnst': did you mean")


def test_show_refuses_an_unknown_picture(refused, checkpoint):
    line = refused("show", checkpoint, "--format", "jpg")
    assert line.startswith("unknown drawing format 'jpg': did you mean png? allowed: svg, png, ")
    Path("taken").write_text("")
    assert "taken" in refused("show", checkpoint, "--drawing", "taken/picture")


@pytest.mark.usefixtures("place")
def test_debug_shows_the_traceback(run):
    from nasbench.errors import UserError

    with pytest.raises(UserError, match="unknown strategy"):
        run("search", "dart", "--debug")


def test_a_number_that_the_network_does_not_keep_is_a_choice_all_the_same(space, refused, small):
    name = space(
        "self.stem = nn.Conv2d(spec.channels, width,",
        "from nasbench.space import ValueChoice\n"
        "        width = ValueChoice([2, 4], label='width').number\n"
        "        self.stem = nn.Conv2d(spec.channels, width,",
    )
    assert "'width'" in refused("search", "darts", "--space", name, *small)


def test_a_space_without_choices(space, refused, small):
    name = space(
        new="from torch import nn\nfrom nasbench.space import SearchSpace\n"
        "class Tiny(SearchSpace):\n"
        "    def __init__(self, spec):\n"
        "        super().__init__(spec)\n"
        "        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
        "    def forward(self, x):\n"
        "        return self.head(x)\n"
    )
    assert "Tiny" in refused("search", "darts", "--space", name, *small)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        pytest.param(
            "space.py:Tiny --space space.py:Tiny",
            "space.py:Tiny",
            id="no strategy",
        ),
        pytest.param(
            "darts --space space.py:Tiny --task space.py:Tiny",
            "space.py:Tiny",
            id="no task",
        ),
        pytest.param(
            "darts --space space.py:Tiny -o width=-1",
            "-1",
            id="negative width",
        ),
        pytest.param(
            "darts --space space.py:Tiny -o arch_lr=.nan",
            "arch_lr=nan",
            id="nan",
        ),
    ],
)
@pytest.mark.usefixtures("place")
def test_more_that_does_not_fit(refused, words, named, small):
    assert named in refused("search", *words.split(), *small)


def test_a_network_that_cannot_be_traced_does_not_spoil_the_json(run, space, small):
    name = space(
        "        a = self.first(",
        "        if torch.jit.is_tracing():\n"
        "            raise RuntimeError('not to be traced')\n"
        "        a = self.first(",
    )
    found = run("search", "darts", "--space", name, *small, "--json").json
    answer = run("retrain", found["checkpoint"], *small, "--json")
    assert answer.status == 0
    assert answer.json["test_examples"] == 360


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("hpo small-cnn --tuner json:dumps", "tuner 'json:dumps': must be a subclass of nasbench"),
        ("hpo small-cnn --assessor os:getcwd", "assessor 'os:getcwd': must be a subclass of nasb"),
        ("hpo os:system", "space 'os:system': must be a subclass of nasbench.space.SearchSpace"),
        (
            "proxies --space space.py:Tiny --proxy json:dumps",
            "proxy 'json:dumps': must be a function of network, images and labels",
        ),
        ("search os:system --help", "strategy 'os:system': must be a class of that kind"),
    ],
)
@pytest.mark.usefixtures("place")
def test_objects_of_the_wrong_kind(refused, words, line):
    assert refused(*words.split()).startswith(line)
