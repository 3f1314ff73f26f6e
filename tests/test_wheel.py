"""What ``pip install`` brings from a wheel: all that the commands of the README need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("nasbench", "search_spaces", "retrain")
OTHERS = ("results/published", "examples", "pyproject.toml", "README.md", "LICENSE")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
SMALL = "--limit-train 60 --epochs 1 --batch-size 20 --device cpu"
CELLS = "-o layers=3 -o channels=4"

# The README's commands in one process of the installed package, which imports torch once.
COMMANDS = f"""
import shlex
import sys
import nasbench
from nasbench.cli import main
assert nasbench.__file__.startswith(sys.argv[1]), nasbench.__file__
from nasbench.study.shipped import examples
space = next(path for path in examples() if path.endswith("my_space.py"))
assert space.startswith(sys.argv[1]), space
for line in f'''\\
list studies
study new
study study.yaml --dry-run
study mnist-optim --dry-run --scale 0.01
study cifar-lab --dry-run --only 'by hand' --scale 0.01
search darts {CELLS} {SMALL}
retrain last {CELLS} {SMALL}
search random --space {{space}}:MySpace --budget 1 -o width=4 {SMALL}
show last
leaderboard
leaderboard --with-published
list
'''.splitlines():
    print(">", line, flush=True)
    status = main(shlex.split(line))
    assert status == 0, (line, status)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the checkout's files: a build writes beside them."""
    folder = tmp_path_factory.mktemp("source")
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info", "runs", ".*_cache", "build")
    for name in (*PACKAGES, *OTHERS):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source) -> Path:
    offline = ("--no-deps", "--no-index", "--no-build-isolation")
    subprocess.run([*PIP, "wheel", ".", *offline, "-w", "out"], cwd=source, check=True)
    (found,) = (source / "out").glob("*.whl")
    return found


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in found if path.suffix != ".pyc"}


@pytest.mark.slow
def test_a_wheel_holds_the_packages_the_published_results_and_the_examples(source, wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"{one}/{name}" for one in PACKAGES for name in files(source / one)}
    for folder, place in (("results/published", "published"), ("examples", "examples")):
        expected |= {f"nasbench/{place}/{name}" for name in files(source / folder)}
    assert held == expected
    assert any(name.startswith("nasbench/published/records/") for name in held)


@pytest.mark.slow
def test_an_sdist_holds_them_where_they_are_in_the_checkout(source):
    code = "from setuptools.build_meta import build_sdist; print(build_sdist('sdist'))"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (found,) = (source / "sdist").glob("*.tar.gz")
    with tarfile.open(found) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    for folder in (*PACKAGES, "results/published", "examples"):
        assert {f"{folder}/{name}" for name in files(source / folder)} <= held


@pytest.mark.slow
def test_the_readme_s_commands_run_from_an_installed_wheel_in_another_folder(wheel, tmp_path):
    target, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    install = ("install", "--no-deps", "--no-index", "--no-compile", "--target", str(target))
    subprocess.run([*PIP, *install, str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target), "XDG_CACHE_HOME": str(tmp_path)}
    # No data set and no network: a dry run needs neither.
    environment |= {"NASBENCH_DATA": str(elsewhere), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", COMMANDS, str(target)],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for words in ("mnist-optim", "study: 27 runs", "cifar-lab: 5 runs", "test accuracy"):
        assert words in done.stdout
