from __future__ import annotations

import importlib
import sys

from nasbench.tabular import parallel, proxies
from nasbench.tabular.parallel import code_digest


def test_a_digest_covers_all_modules_that_a_result_follows_from(tmp_path, monkeypatch):
    folder = tmp_path / "methods_of_a_test"
    folder.mkdir()
    for name in ("__init__", "base", "one"):
        (folder / f"{name}.py").write_text("def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("methods_of_a_test.one")
    monkeypatch.setitem(sys.modules, "methods_of_a_test.one", module)

    def digest(*packages: str) -> str:
        parallel._package_digest.cache_clear()
        return code_digest(module.f, *packages)

    alone, whole = digest(), digest("methods_of_a_test")
    assert alone != whole
    assert whole == digest("methods_of_a_test")
    (folder / "base.py").write_text("def f():\n    return 2\n")
    assert digest() == alone
    assert digest("methods_of_a_test") != whole
    (folder / "one.py").write_text("def f():\n    return 3\n")
    assert digest() != alone


def test_a_kept_score_follows_from_the_blocks_of_proxies(monkeypatch):
    before = proxies._code("synflow")
    assert before == proxies._code("synflow")
    monkeypatch.setattr(parallel, "_package_digest", lambda package: package.encode())
    assert before != proxies._code("synflow")
