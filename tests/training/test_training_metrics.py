"""Metrics and losses against plain formulas in float64."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from sklearn import metrics as truth

from nasbench import measures
from nasbench.errors import UserError
from nasbench.training import losses, metrics
from nasbench.training.losses import balanced_weights
from nasbench.training.metrics import (
    LEADING,
    METRICS,
    confusion_matrix,
    constant_value,
    metric,
    per_class,
)

N = 300


def single(seed, missing=None):
    """Return logits that know something, and labels of five classes in unequal shares."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, N, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    if missing is not None:
        labels[labels == missing] = 0
    logits = rng.normal(size=(N, 5)) + 1.5 * np.eye(5)[labels]
    return torch.tensor(logits, dtype=torch.float32), torch.tensor(labels)


def several(seed):
    rng = np.random.default_rng(seed)
    targets = (rng.random((N, 4)) < [0.5, 0.3, 0.1, 0.9]).astype(np.float32)
    logits = rng.normal(size=(N, 4)) + 2 * targets - 1
    return torch.tensor(logits, dtype=torch.float32), torch.tensor(targets)


def numbers(seed, k):
    rng = np.random.default_rng(seed)
    targets = rng.normal(3, 2, (N, k)).astype(np.float32)
    outputs = targets + rng.normal(0, 0.5, (N, k))
    return torch.tensor(outputs, dtype=torch.float32), torch.tensor(targets)


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("missing", [None, 4])
@pytest.mark.parametrize("seed", range(3))
def test_of_one_class(seed, missing):
    logits, labels = single(seed, missing)
    x, y = logits.numpy().astype(np.float64), labels.numpy()
    said, present = x.argmax(1), np.unique(y)
    recalls = [(said[y == c] == c).mean() for c in present]
    rocs = [truth.roc_auc_score(y == c, softmax(x)[:, c]) for c in present]
    expected = {
        "accuracy": (said == y).mean(),
        "balanced_accuracy": np.mean(recalls),
        "macro_f1": truth.f1_score(y, said, average="macro"),
        "auroc": np.mean(rocs),
    }
    assert set(expected) == set(METRICS["class"])
    for name, value in expected.items():
        assert METRICS["class"][name].value(logits, labels) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_of_several_labels(seed):
    logits, targets = several(seed)
    x, y = logits.numpy().astype(np.float64), targets.numpy().astype(int)
    said = (x > 0).astype(int)
    expected = {
        "label_accuracy": (said == y).mean(),
        "exact_match": (said == y).all(1).mean(),
        "macro_f1": truth.f1_score(y, said, average="macro"),
        "auroc": truth.roc_auc_score(y, x, average="macro"),
        "mean_average_precision": truth.average_precision_score(y, x, average="macro"),
    }
    assert set(expected) == set(METRICS["labels"])
    for name, value in expected.items():
        assert METRICS["labels"][name].value(logits, targets) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_of_numbers(k):
    outputs, targets = numbers(0, k)
    x, y = outputs.numpy().astype(np.float64), targets.numpy().astype(np.float64)
    expected = {
        "mae": np.abs(x - y).mean(),
        "rmse": math.sqrt(((x - y) ** 2).mean()),
        "r2": np.mean(1 - ((x - y) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)),
    }
    assert set(expected) == set(METRICS["numbers"])
    for name, value in expected.items():
        assert METRICS["numbers"][name].value(outputs, targets) == pytest.approx(value, rel=1e-6)


def test_a_label_that_a_split_lacks_counts_for_nothing():
    logits, targets = several(1)
    targets[:, 1] = 0
    rest = [0, 2, 3]
    for name in ("auroc", "mean_average_precision"):
        one = METRICS["labels"][name]
        assert one.value(logits, targets) == one.value(logits[:, rest], targets[:, rest])
    with pytest.raises(UserError, match=r"^--metric auroc: ValueError: no label holds for some"):
        METRICS["labels"]["auroc"].value(logits, torch.zeros_like(targets))
    one_class = torch.zeros(N, dtype=torch.long)
    with pytest.raises(UserError, match=r"^--metric auroc: ValueError: all examples are of one"):
        METRICS["class"]["auroc"].value(single(0)[0], one_class)


def test_every_metric_has_words_and_every_target_a_default():
    assert {t: set(table) for t, table in METRICS.items()} == {
        t: set(table) for t, table in measures.METRICS.items()
    }
    assert {t: set(table) for t, table in losses.LOSSES.items()} == {
        t: set(table) for t, table in measures.LOSSES.items()
    }
    for target in measures.TARGETS:
        assert LEADING[target] in METRICS[target]
        assert measures.DEFAULT_LOSS[target] in losses.LOSSES[target]
    for table in METRICS.values():
        for one in table.values():
            assert one.larger_is_better is (one.name not in ("mae", "rmse"))
            assert pickle.loads(pickle.dumps(one)).name == one.name


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        (
            "rmse",
            "class",
            "--metric rmse: is for the target numbers, and this task",
        ),
        ("accuracy", "labels", "--metric accuracy: is for the target class, and this task"),
        ("macro_f1", "numbers", "--metric macro_f1: is for the target class or labels, and this"),
        ("acuracy", "class", "unknown --metric 'acuracy': did you mean accuracy"),
    ],
)
def test_a_metric_that_does_not_fit(name, target, words):
    with pytest.raises(UserError) as error:
        metric(name, target)
    assert str(error.value).startswith(words)


OWN = """
import torch

def mean_error(outputs, targets):
    return (outputs - targets).abs().mean()
mean_error.larger_is_better = False

def nothing(outputs, targets):
    return float("nan")

def many(outputs, targets):
    return outputs

def broken(outputs, targets):
    return outputs.no_such_thing

def accuracy(outputs, targets):
    return 1.0

def one(outputs):
    return 1.0

def sum_loss(outputs, targets):
    return (outputs - targets).pow(2).sum()

def per_example(outputs, targets):
    return (outputs - targets).pow(2).mean(1)

def constant(outputs, targets):
    return torch.tensor(1.0)

def plain(outputs, targets):
    return float((outputs - targets).detach().pow(2).mean())
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    from nasbench import known_code

    path = tmp_path / "mine.py"
    path.write_text(OWN)
    names = "mean_error nothing many broken accuracy one sum_loss per_example constant plain"
    with known_code.typed([f"{path}:{name}" for name in names.split()]):
        yield lambda name: f"{path}:{name}"


def test_a_metric_of_ones_own(own):
    outputs, targets = numbers(0, 2)
    found = metric(own("mean_error"), "numbers")
    assert found.name == "mean_error"
    assert found.larger_is_better is False
    expected = np.abs(outputs.double().numpy() - targets.double().numpy()).mean()
    assert found.value(outputs, targets) == pytest.approx(expected, rel=1e-5)
    again = pickle.loads(pickle.dumps(found))  # as for a worker process
    assert again.value(outputs, targets) == found.value(outputs, targets)
    assert again.larger_is_better is False


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nothing", "--metric nothing: returned nan for 300 examples"),
        ("many", "--metric many: ValueError: only one element"),
        ("broken", "--metric broken: AttributeError: "),
    ],
)
def test_a_metric_of_ones_own_that_fails(own, name, words):
    with pytest.raises(UserError) as error:
        metric(own(name), "numbers").value(*numbers(0, 2))
    assert str(error.value).startswith(words)
    assert "\n" not in str(error.value)


def test_what_a_metric_of_ones_own_must_not_be(own):
    with pytest.raises(UserError, match="accuracy is the name of another number in records"):
        metric(own("accuracy"), "class")
    with pytest.raises(UserError, match="must be a function of outputs and targets"):
        metric(own("one"), "class")
    with pytest.raises(UserError, match="missing"):
        metric(own("missing"), "class")


def test_losses_against_formulas():
    outputs, targets = numbers(0, 2)
    d = outputs.double().numpy() - targets.double().numpy()
    huber = np.where(np.abs(d) < 1, 0.5 * d**2, np.abs(d) - 0.5).mean()
    for name, value in {"mse": (d**2).mean(), "l1": np.abs(d).mean(), "huber": huber}.items():
        assert float(losses.loss(name, "numbers")(outputs, targets)) == pytest.approx(value)
    logits, labels = single(0)
    x, y = logits.double().numpy(), labels.numpy()
    logs = np.log(softmax(x))
    weights = balanced_weights(labels, 5)
    counts = np.bincount(y, minlength=5)
    assert weights == pytest.approx(N / (5 * counts))
    plain, weighted = (losses.loss("cross-entropy", "class", w) for w in (None, weights))
    assert float(plain(logits, labels)) == pytest.approx(-logs[np.arange(N), y].mean())
    w = np.array(weights)[y]
    assert float(weighted(logits, labels)) == pytest.approx(
        (-w * logs[np.arange(N), y]).sum() / w.sum()
    )
    smooth = -(0.9 * logs[np.arange(N), y] + 0.1 * logs.mean(1)).mean()
    assert float(plain(logits, labels, 0.1)) == pytest.approx(smooth)
    logits, targets = several(0)
    x, t = logits.double().numpy(), targets.double().numpy()
    p, positive = 1 / (1 + np.exp(-x)), np.array(balanced_weights(targets, 4))
    assert positive == pytest.approx((N - t.sum(0)) / t.sum(0))
    bce = -(positive * t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    found = losses.loss("bce", "labels", tuple(positive))(logits, targets)
    assert float(found) == pytest.approx(bce)


def test_a_loss_of_ones_own(own):
    outputs, targets = numbers(0, 2)
    outputs.requires_grad_()
    found = losses.loss(own("sum_loss"), "numbers")
    assert float(found(outputs, targets).detach()) == pytest.approx(
        float(((outputs.detach().double() - targets.double()) ** 2).sum()), rel=1e-5
    )
    assert pickle.loads(pickle.dumps(found)).name == "sum_loss"
    assert copy.deepcopy(found).target == "numbers"
    for name, words in {
        "per_example": r"returned \(300,\): must be a scalar tensor",
        "plain": "returned float: must be a scalar tensor",
        "constant": "its result does not depend on the outputs",
        "broken": "AttributeError",
    }.items():
        with pytest.raises(UserError, match=f"^--loss {name}: {words}"):
            losses.loss(own(name), "numbers")(outputs, targets)
    with pytest.raises(UserError, match="--class-weights"):
        losses.loss(own("sum_loss"), "class", (1.0, 2.0))


def test_a_loss_that_does_not_fit():
    with pytest.raises(UserError, match="--loss mse: is for the target numbers, and this task"):
        losses.loss("mse", "class")
    with pytest.raises(UserError, match="did you mean huber"):
        losses.loss("hubr", "numbers")


def test_figures_of_each_class():
    logits, labels = single(2)
    said, y = logits.argmax(1).numpy(), labels.numpy()
    assert confusion_matrix(logits, labels, 5).tolist() == (
        truth.confusion_matrix(y, said, labels=range(5)).tolist()
    )
    for (outputs, targets), answers in (
        ((logits, labels), (y, said)),
        (several(2), ((t := several(2))[1].numpy(), (t[0] > 0).numpy().astype(float))),
    ):
        names = ("precision", "recall", "f1", "examples")
        expected = zip(
            *truth.precision_recall_fscore_support(*answers, zero_division=0), strict=True
        )
        for found, values in zip(per_class(outputs, targets), expected, strict=True):
            assert [found[name] for name in names] == pytest.approx([float(v) for v in values])


def test_a_constant_answer():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    table = METRICS["class"]
    value = constant_value(table["accuracy"], "class", labels, labels, 3)
    assert value == pytest.approx(0.6)
    assert constant_value(table["balanced_accuracy"], "class", labels, labels, 3) == (
        pytest.approx(1 / 3)
    )
    assert constant_value(table["auroc"], "class", labels, labels, 3) == pytest.approx(0.5)
    numbers_ = torch.tensor([[0.0], [0.0], [3.0]])
    found = {
        name: constant_value(one, "numbers", numbers_, numbers_, 1)
        for name, one in METRICS["numbers"].items()
    }
    assert found == pytest.approx({"mae": 1.0, "rmse": math.sqrt(2), "r2": 0.0}, abs=1e-6)
    targets = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    metric_ = METRICS["labels"]["mean_average_precision"]
    assert constant_value(metric_, "labels", targets, targets, 2) == pytest.approx(0.375)
    assert metrics.TARGETS == measures.TARGETS
