"""Whether two checkouts of nasbench give the same results, bit for bit, for the same seeds.

python benchmarks/same_results.py OLD NEW

Runs the commands below on each checkout, on the CPU with one thread, in a scratch folder. Then
compares what they wrote: checkpoints, runs, journals, records, states and weights, exported
sources, and JSON on the standard output. Times, paths, the names of runs and the provenance may
differ; so may what :data:`EXPECTED` names, and the report lists it. The last commands run on the
results of OLD on both sides: what was written before must still be read. Exits with status 1 on
any other difference.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("NASBENCH_DATA") or HERE.parent / "shared" / "data")

SMALL = "--epochs 2 --limit-train 80 --batch-size 20 --device cpu"
SIZE = "-o channels=4 -o layers=3"
CELLS = f"{SMALL} {SIZE}"
TUNED = f"{SMALL} --search-space ../space.json"
HYPERPARAMETERS = {
    "lr": {"_type": "loguniform", "_value": [0.001, 1.0]},
    "momentum": {"_type": "quniform", "_value": [0.5, 0.9, 0.1]},
    "batch_size": {"_type": "choice", "_value": [10, 20]},
    "optimizer": {"_type": "choice", "_value": ["sgd", "adam"]},
}
STUDY = """\
task: digits
seeds: 2
budget: 2
defaults: {epochs: 1, batch_size: 20, limit_train: 100}
entries:
  tuned:
    hpo: small-cnn
    tuner: random
    search_space: {lr: {_type: loguniform, _value: [0.01, 0.1]}}
  tuned, tested: {retrain: tuned, reported: 98.5}
  searched: {search: random, space: mobilenet-skip}
  searched, tested: {retrain: searched}
  by hand: {train: small-cnn, lr: 0.05}
"""

# Name, words of the command. {run:NAME} is the run that the command NAME left; {old:NAME} the one
# that it left on OLD. {nni-tpe} and {optuna-tpe} are what a checkout calls these tuners.
COMMANDS = {
    "darts": f"search darts {CELLS} --seed 1",
    "darts, second order": f"search darts {CELLS} -o order=2",
    "gdas": f"search gdas {CELLS} --grad-clip-value 0.1",
    "pc-darts": f"search pc-darts {CELLS} -o warmup=0.5",
    "spos": f"search spos --space mobilenet-skip {SMALL} -o candidates=6",
    "enas": f"search enas --space mobilenet-ops {SMALL} --seed 3",
    "own space": f"search random --space ../my_space.py:MySpace {SMALL} --budget 3",
    "evolution": f"search evolution --space mobilenet-skip {SMALL} --budget 8 -o population=4",
    "limits": f"search nsga2 --space mobilenet-skip {SMALL} --budget 4 --max-params 320000",
    "halving": f"search successive-halving --space nas-bench-201 {SMALL} --budget 12epochs",
    "training-free": f"search training-free --space nas-bench-201 {SMALL} --budget 2",
    "hpo, NNI's TPE": f"hpo small-cnn {TUNED} --trials 8 --tuner {{nni-tpe}} -o n_startup_jobs=3",
    "hpo, optuna's TPE": f"hpo small-cnn {TUNED} --trials 13 --tuner {{optuna-tpe}}",
    "hpo, gp": f"hpo small-cnn {TUNED} --trials 4 --tuner gp --assessor medianstop --refine 50%",
    "hpo of a search": f"hpo {{run:darts}} {TUNED} {SIZE} --trials 2 --tuner random",
    "retrain": f"retrain {{run:darts}} {CELLS} -o auxiliary=true --drop-path 0.2 --json",
    "retrain, seeds": f"retrain {{run:evolution}} {SMALL} --seeds 2 --ema 0.9 --json",
    "retrain, tuned": f"retrain {{run:hpo, gp}} {SMALL} --val-fraction 0.2 --patience 1 --json",
    "retrain, genotype": f"retrain zoo:DARTS_V2 {CELLS} --task digits --cutout 4 --json",
    "folds": f"retrain {{run:evolution}} {SMALL} --folds 2 --json",
    "study": "study ../study.yaml --device cpu",
    "table": "search evolution --table nas-bench-201 --dataset cifar10 --seeds 20 --budget 50"
    " --data-dir {data} --json",
    "table, race": "bench strategies --table nas-bench-201 --strategies random,bananas,hyperband"
    " --seeds 4 --budget 40 --jobs 1 --data-dir {data}",
    "trust": f"search spos --space nas-bench-201 {SMALL} -o candidates=4",
    "trust, trained": "trust {run:trust} --train 10 --epochs 1 --format json",
    "trust, table": "trust {run:trust} --table nas-bench-201 --dataset cifar10 --samples 12"
    " --images 40 --data-dir {data} --format json",
    "export": "export {run:retrain} --to py --out there",
    "convert": "convert {run:darts} --to nni-3 --out there.json",
    "leaderboard": "leaderboard --results ../retrain/results --format json",
    "OLD's run, retrained": f"retrain {{old:darts}} {CELLS} --json",
    "OLD's run, shown": "show {old:darts} --json",
    "OLD's records": "leaderboard --results {old-study} --format json",
}


@dataclass(frozen=True)
class Expected:
    """A difference that is wanted.

    Attributes:
        where: Pattern of ``file: path in it`` that it may occur at.
        why: What changed.
    """

    where: str
    why: str


EXPECTED = (
    Expected(
        r"\.(config|search|search_config)\.port$",
        "`nasbench hpo --port` left with `--engine nni`",
    ),
    Expected(
        r"\.(watch\.verdict|notes)\[\d+\]$",
        "sentences for people, in a search's verdict and the leaderboard's notes, are reworded",
    ),
)
RENAMED = "the tuner tpe is optuna's; NNI's is nni-tpe (each command names its own)"

# What differs from run to run, by its key.
CHANGING = re.compile(
    r"(.*_)?seconds|time|measuring|wall_s|(search|retrain)_cost|latency(_ms)?|(search_)?provenance"
    r"|started|out|data_dir"
)
RUN = re.compile(r"\d{8}-\d{6}-([\w.-]+?)-s(\d+)-[0-9a-f]{4}")


class Checkout:
    """A checkout and the scratch folder that its commands run in."""

    def __init__(self, root: Path, scratch: Path, python: str) -> None:
        self.root, self.scratch, self.python = root.resolve(), scratch, python
        scratch.mkdir(parents=True)
        shutil.copy(HERE / "examples" / "my_space.py", scratch)
        (scratch / "study.yaml").write_text(STUDY)
        (scratch / "space.json").write_text(json.dumps(HYPERPARAMETERS))
        names = self.call(["list", "tuners"], scratch).stdout
        new = re.search(r"^ *nni-tpe\b", names, re.MULTILINE) is not None
        self.tuners = (
            {"nni-tpe": "nni-tpe", "optuna-tpe": "tpe"}
            if new
            else {"nni-tpe": "tpe", "optuna-tpe": "optuna-tpe"}
        )

    def call(self, words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run ``nasbench`` with these words."""
        settings = {
            **os.environ,
            "PYTHONPATH": str(self.root),
            "OMP_NUM_THREADS": "1",
            "HOME": str(self.scratch),
            "XDG_CACHE_HOME": str(self.scratch / "cache"),
            "COLUMNS": "200",
        }
        command = [self.python, "-m", "nasbench", *words]
        return subprocess.run(command, cwd=cwd, env=settings, text=True, capture_output=True)

    def folder(self, name: str) -> Path:
        """Return the folder of a command."""
        return self.scratch / re.sub(r"\W+", "_", name)

    def run(self, name: str, old: Checkout) -> tuple[str, float]:
        """Run the command of this name; return an error, or nothing, and its seconds."""
        folder = self.folder(name)
        folder.mkdir()
        try:
            words = [self._word(word, old) for word in _words(COMMANDS[name])]
        except IndexError as error:
            return f"no run to go on with: {error}", 0.0
        start = time.perf_counter()
        done = self.call(words, folder)
        (folder / "out.txt").write_text(done.stdout)
        seconds = time.perf_counter() - start
        lines = done.stderr.strip().splitlines() or ["no message"]
        return (lines[-1] if done.returncode else ""), seconds

    def _word(self, word: str, old: Checkout) -> str:
        if word == "{data}":
            return str(DATA)
        if word == "{old-study}":
            return str(old.folder("study") / "results" / "studies" / "study")
        if match := re.fullmatch(r"\{(run|old):(.*)\}", word):
            whose = self if match[1] == "run" else old
            return str(sorted((whose.folder(match[2]) / "results" / "runs").iterdir())[0])
        return self.tuners.get(word.strip("{}"), word) if word.startswith("{") else word

    def plain(self, text: str) -> str:
        """Take names of runs and folders out of a text."""
        text = re.sub(re.escape(f"{self.scratch.parent}/") + r"(old|new)\b", "SCRATCH", text)
        text = text.replace(str(self.root), "CHECKOUT")
        return RUN.sub(self._run, text)

    def _run(self, match: re.Match[str]) -> str:
        name = match[1]
        for kept, ours in self.tuners.items():
            name = name.replace(f"hpo-{ours}-", f"hpo-{kept.upper()}-")
        return f"RUN-{name}-s{match[2]}"


def _words(command: str) -> list[str]:
    return re.findall(r"\{[^}]*\}|\S+", command)


def values(checkout: Checkout, content: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every value of a nested content with its place, without what may differ."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "curve":  # pairs of seconds and score
                yield f"{path}.curve", [score for _, score in value]
            elif not CHANGING.fullmatch(str(key)):
                yield from values(checkout, value, f"{path}.{checkout.plain(str(key))}")
        if not content:
            yield path, "nothing"
    elif isinstance(content, list | tuple):
        for index, value in enumerate(content):
            yield from values(checkout, value, f"{path}[{index}]")
        if not content:
            yield path, "nothing"
    elif isinstance(content, str):
        tuner = {ours: kept.upper() for kept, ours in checkout.tuners.items()}
        named = path.endswith((".tuner", ".name", ".method"))
        yield path, tuner.get(content, content) if named else checkout.plain(content)
    elif hasattr(content, "detach"):
        tensor = content.detach().cpu().contiguous()
        yield path, (str(tensor.dtype), tuple(tensor.shape), tensor.numpy().tobytes())
    else:
        yield path, content


def _journal(path: Path) -> object:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _state(path: Path) -> object:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _weights(path: Path) -> object:
    from safetensors.torch import load_file

    return load_file(path)


def _source(path: Path) -> object:
    """Read Python as its syntax tree: comments and docstrings may be reworded."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
            ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return ast.dump(tree)


def _output(path: Path) -> object:
    """Read JSON of the standard output; what is for people is not compared."""
    text = path.read_text()
    try:
        return json.loads(text)
    except ValueError:
        return None


READERS: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_text()),
    ".jsonl": _journal,
    ".pt": _state,
    ".safetensors": _weights,
    ".py": _source,
    ".txt": _output,
}


def contents(checkout: Checkout, name: str) -> dict[str, dict[str, object]]:
    """Read every file that a command left: name of the file to its values by place.

    Runs of one name, as the seeds of a study have them, come in the order of their contents.
    """
    folder = checkout.folder(name)
    found: dict[str, list[dict[str, object]]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in READERS or "cache" in path.parts:
            continue
        key = checkout.plain(str(path.relative_to(folder)))
        content = READERS[path.suffix](path)
        found.setdefault(key, []).append(dict(values(checkout, content)))
    return {
        f"{key}{chr(39) * index}": each
        for key, several in found.items()
        for index, each in enumerate(sorted(several, key=lambda each: str(each.items())))
    }


def differences(old: dict[str, dict[str, object]], new: dict[str, dict[str, object]]) -> list[str]:
    """Return one line for each place where the two differ, as ``file: place: old, new``."""
    lines = []
    for name in sorted({*old, *new}):
        if name not in old or name not in new:
            lines.append(f"{name}: : {'only new' if name in new else 'only old'}")
            continue
        ours, theirs = old[name], new[name]
        absent = object()
        for place in sorted({*ours, *theirs}):
            a, b = ours.get(place, absent), theirs.get(place, absent)
            if a is absent or b is absent:
                lines.append(f"{name}: {place}: only {'new' if a is absent else 'old'}")
            elif a != b and not (a != a and b != b):  # NaN equals NaN here
                lines.append(f"{name}: {place}: {_short(a)} != {_short(b)}")
    return lines


def _short(value: object) -> str:
    if isinstance(value, tuple) and len(value) == 3:
        return f"{value[0]} {list(value[1])}"
    return str(value) if len(str(value)) <= 60 else str(value)[:57] + "…"


def _kinds(files: dict[str, dict[str, object]]) -> str:
    """Say what was compared: the kinds of files with their numbers, and how many values."""
    named = {
        "checkpoint": re.compile(r"checkpoint(-\d+)?\.json'*$"),
        "record": re.compile(r"records/"),
        "journal": re.compile(r"\.jsonl'*$"),
        "state": re.compile(r"\.pt'*$"),
        "weights": re.compile(r"\.safetensors'*$"),
        "output": re.compile(r"out\.txt$"),
    }
    counts = {kind: sum(bool(p.search(f)) for f in files) for kind, p in named.items()}
    counts["output"] *= files.get("out.txt") != {"": None}
    counts["file"] = sum(not any(p.search(f) for p in named.values()) for f in files)
    parts = [f"{n} {kind}{'s' * (n > 1 and kind != 'weights')}" for kind, n in counts.items() if n]
    return f"{', '.join(parts)}; {sum(len(v) for v in files.values())} values"


def compare(old: Checkout, new: Checkout, names: list[str], show: int) -> int:
    """Run and compare the commands; print the table and return how many differ unexpectedly."""
    say = partial(print, flush=True)
    say(f"| command | compared | result | seconds, old and new |\n|{' --- |' * 4}")
    failed, seen, details = 0, set(), []
    for name in names:
        (error, took), (error_new, took_new) = old.run(name, old), new.run(name, old)
        if error or error_new:
            lines, wanted, files = [f"old: {error or 'ran'}; new: {error_new or 'ran'}"], [], {}
        else:
            files = contents(old, name)
            lines = differences(files, contents(new, name))
            wanted = [(line, e) for line in lines for e in EXPECTED if _matches(e, line)]
            lines = [line for line in lines if line not in dict(wanted)]
        seen |= {expected.why for _, expected in wanted}
        if "-tpe}" in COMMANDS[name] and old.tuners != new.tuners:
            seen.add(RENAMED)
        failed += bool(lines)
        result = f"{len(lines)} differences" if lines else "equal"
        result += f" ({len(wanted)} as expected)" if wanted else ""
        say(f"| {name} | {_kinds(files)} | {result} | {took:.1f}, {took_new:.1f} |")
        details += [f"- {name}: {line}" for line in lines[:show]]
    if seen:
        say("\nExpected changes:\n" + "\n".join(f"- {why}" for why in sorted(seen)))
    if details:
        say("\nDifferences:\n" + "\n".join(details))
    return failed


def _matches(expected: Expected, line: str) -> bool:
    return re.search(expected.where, ": ".join(line.split(": ")[:2])) is not None


def main() -> None:
    """Compare two checkouts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("old", type=Path, help="checkout of the earlier commit")
    parser.add_argument("new", type=Path, help="checkout of the later commit")
    parser.add_argument("--python", default=sys.executable, help="interpreter of both")
    parser.add_argument("--only", default="", help="names of commands with ; between")
    parser.add_argument("--show", type=int, default=8, help="differences shown of a command")
    parser.add_argument("--keep", type=Path, help="new folder to keep what was written in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="same-results-") as scratch:
        place = given.keep.resolve() if given.keep else Path(scratch)
        old = Checkout(given.old, place / "old", given.python)
        new = Checkout(given.new, place / "new", given.python)
        names = [n for n in COMMANDS if not given.only or n in given.only.split(";")]
        failed = compare(old, new, names, given.show)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
