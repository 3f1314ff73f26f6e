"""Every task of the catalog in the suite that plug-in authors run."""

from __future__ import annotations

import pytest

from nasbench import catalog
from nasbench.events import synthetic
from nasbench.events.convert import ImageOptions, convert
from nasbench.events.processes import progress_bar
from nasbench.tasks.cifar10 import load_cifar10
from nasbench.tasks.digits import load_digits
from nasbench.tasks.dvs_objects import load_dvs_objects
from nasbench.tasks.gait import load_gait
from nasbench.tasks.gait_synthetic import load_gait_synthetic
from nasbench.tasks.mnist import load_fashion_mnist, load_mnist
from nasbench.tasks.nmnist import load_nmnist
from nasbench.testing.tasks import TaskSuite


class TestDigits(TaskSuite):
    load = staticmethod(load_digits)
    bundled = True


class _OnRealData(TaskSuite):
    """Runs where the data set's files are, and is skipped elsewhere."""

    @pytest.fixture
    def data_dir(self, data_root):
        return data_root


class TestMnist(_OnRealData):
    load = staticmethod(load_mnist)


@pytest.mark.slow
class TestFashionMnist(_OnRealData):
    load = staticmethod(load_fashion_mnist)


class TestCifar10(_OnRealData):
    load = staticmethod(load_cifar10)


class TestNmnist(_OnRealData):
    load = staticmethod(load_nmnist)


class TestDvsObjects(_OnRealData):
    load = staticmethod(load_dvs_objects)


def _walkers(folder):
    """Write event images of short synthetic walks; return the training file."""
    pytest.importorskip("h5py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "FRAMES", 12)
        synthetic.write(folder / "raw", 3, {"train": 8, "test": 2}, 0, 1, progress_bar)
    convert(folder / "raw", folder / "gait.h5", ImageOptions(), 1, True, progress_bar)
    return folder / "gait-train.h5"


@pytest.fixture(scope="module")
def synthetic_walkers(tmp_path_factory):
    return _walkers(tmp_path_factory.mktemp("synthetic"))


@pytest.fixture(scope="module")
def unmarked_walkers(tmp_path_factory):
    """The same without the mark, as if they were real."""
    path = _walkers(tmp_path_factory.mktemp("gait"))
    import h5py

    for one in path.parent.glob("*.h5"):
        with h5py.File(one, "a") as file:
            del file.attrs["synthetic"]
    return path


class TestGaitSynthetic(TaskSuite):
    load = staticmethod(load_gait_synthetic)

    @pytest.fixture
    def data_dir(self, synthetic_walkers):
        return synthetic_walkers


class TestGait(TaskSuite):
    load = staticmethod(load_gait)

    @pytest.fixture
    def data_dir(self, unmarked_walkers):
        return unmarked_walkers


def test_every_task_of_the_catalog_runs_through_the_suite():
    suites = [one for one in globals().values() if isinstance(one, type)]
    tested = {one.load for one in suites if issubclass(one, TaskSuite) and hasattr(one, "load")}
    missing = [name for name in catalog.TASKS if catalog.resolve("task", name) not in tested]
    assert not missing, f"no subclass of TaskSuite tests {missing}"
