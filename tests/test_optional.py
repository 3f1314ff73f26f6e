from __future__ import annotations

import sys

import pytest

from nasbench.errors import UserError
from nasbench.optional import available, require

NMS = "operator torchvision::nms does not exist"


@pytest.fixture
def unfitting(tmp_path, monkeypatch):
    """A torchvision that was built for another torch, ahead of the real one."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(f"raise RuntimeError({NMS!r})\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)


def test_what_is_there_is_imported():
    import json.decoder

    assert require("json.decoder", "a test") is json.decoder
    assert available("json.decoder")


def test_a_missing_package_is_named_with_its_feature():
    with pytest.raises(UserError) as error:
        require("no_such_package.part", "the task digits", "no-such-package")
    assert str(error.value) == (
        "the task digits needs the package no-such-package, which cannot be imported "
        "(No module named 'no_such_package'); install it with: pip install no-such-package"
    )
    assert not available("no_such_package.part")


def test_a_package_goes_by_its_top_name():
    with pytest.raises(UserError, match=r"pip install no_such_package$"):
        require("no_such_package.part", "a test")


@pytest.mark.usefixtures("unfitting")
def test_a_torchvision_that_does_not_fit():
    with pytest.raises(UserError) as error:
        require("torchvision.datasets", "the download of CIFAR-10")
    assert str(error.value) == (
        f"the download of CIFAR-10 needs a torchvision built for the installed torch ({NMS}); "
        "install both together with: pip install --upgrade torch torchvision"
    )
    assert not available("torchvision")


def test_other_failures_are_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('a bug')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="a bug"):
        require("broken_package", "a test")
