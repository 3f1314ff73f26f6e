"""Every call that can run code, by file: a new one fails here until it is looked at."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What can run code, or load data that runs code -> the files that use it, and what they give it.
CALLS = {
    "exec": {"nasbench/catalog.py": "a user's file that known_code let through"},
    "compile": {"nasbench/catalog.py": "the same"},
    "importlib.import_module": {
        "nasbench/__init__.py": "the modules of its own names",
        "nasbench/catalog.py": "targets of the catalog, and modules that known_code let through",
        "nasbench/executors/attempts.py": "setups that callers in nasbench name",
        "nasbench/optional.py": "optional packages that callers in nasbench name",
    },
    "importlib.util.spec_from_file_location": {"nasbench/catalog.py": "as for exec"},
    "importlib.util.module_from_spec": {
        "nasbench/catalog.py": "as for exec",
        "nasbench/hpo/private.py": "NNI's own modules",
    },
    "spec.loader.exec_module": {"nasbench/hpo/private.py": "NNI's own modules"},
    "pickle.load": {"nasbench/data/decoding.py": "what our own processes send and ask"},
    "pickle.loads": {
        "nasbench/executors/attempts.py": "what our own worker processes send",
        "nasbench/executors/ray_worker.py": "what our own process sends",
        "nasbench/executors/worker.py": "what our own process sends",
        "nasbench/testing/fresh_process.py": "what the test itself sends",
    },
    "subprocess.run": {
        "nasbench/export/check.py": "what was exported just now",
        "nasbench/provenance.py": "git, in nasbench's own folder",
        "nasbench/report/drawing.py": "Graphviz, which places the boxes of a cell",
    },
    "subprocess.Popen": {
        "nasbench/data/decoding.py": "processes that decode pictures",
        "nasbench/executors/local.py": "worker processes",
        "nasbench/hpo/nni_experiment/command.py": "the command of an experiment the user gave",
    },
    "PlainUnpickler": {"nasbench/tabular/package.py": "a file whose SHA-256 is known"},
    "authors.create": {
        "nasbench/tabular/nasbench201.py": "the authors' package, on a given table"
    },
    "authors.NASBench201API": {"nasbench/tabular/nasbench201.py": "the same"},
}
NEVER = (
    "eval",
    "os.system",
    "os.popen",
    "__import__",
    "marshal.loads",
    "yaml.unsafe_load",
)
RISKY = ("exec_module", "import_module", "unpickle", "Unpickler", "execfile", "runpy")
# A file without any of these words calls nothing of the kind, and need not be parsed.
WORDS = (*RISKY, "exec(", "eval(", "compile(", "load(", "loads(", "import__", "spec_from", "os.")
WORDS += ("subprocess", "authors.", "importlib")


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return file, function and node of every call."""
    found = []
    for package in ("nasbench", "retrain", "search_spaces"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
            if not any(word in text for word in WORDS):
                continue
            nodes = ast.walk(ast.parse(text))
            found += [(name, ast.unparse(n.func), n) for n in nodes if isinstance(n, ast.Call)]
    return found


def test_what_runs_code_is_known():
    used: dict[str, set[str]] = {}
    for path, function, _ in calls():
        assert function not in NEVER, f"{path} calls {function}"
        if not function.replace(".", "").replace("_", "").isalnum():
            continue  # a call of a call, which is listed itself
        risky = any(word in function for word in RISKY) or function.startswith("subprocess.")
        if function in CALLS or risky:
            used.setdefault(function, set()).add(path)
    assert used == {function: set(files) for function, files in CALLS.items()}


def test_what_loads_data_loads_plain_values_only():
    for path, function, node in calls():
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if function in ("torch.load", "load") and path.startswith("nasbench/store"):
            assert options.get("weights_only") == "True", path
        assert function != "torch.load" or options.get("weights_only") == "True", path
        if function in ("np.load", "numpy.load"):
            assert options.get("allow_pickle") == "False", path
        if function == "yaml.load":
            assert path == "nasbench/plain_yaml.py"
            assert ast.unparse(node.args[1]) == "_Loader"
