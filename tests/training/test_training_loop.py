"""The loop: stopped anywhere and continued, it ends where it would have ended."""

from __future__ import annotations

import copy
import os
import signal

import pytest
import torch
from torch import nn

from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.training import loop as loop_module
from nasbench.training.loop import EarlyStopping, Loop
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from nasbench.training.stopping import Stopped, StopSignal
from nasbench.training.supervised import (
    Supervised,
    SupervisedConfig,
    _averaged,
    evaluated_metric,
)
from tests.conftest import same_state


class Memory:
    """Keeps the state in memory."""

    def __init__(self):
        self.state = None
        self.saves = 0

    def save(self, state):
        self.state = copy.deepcopy(state)
        self.saves += 1

    def load(self):
        return copy.deepcopy(self.state)


class Watch:
    """Remembers what it is told, and may ask to stop."""

    def __init__(self, stop=None, at=None):
        self.told, self.stop, self.at, self.seen = [], stop, at, 0

    def phase(self, text):
        pass

    def start(self, epoch, epochs, steps):
        pass

    def step(self, epoch, step, sums):
        self.seen += 1
        if self.seen == self.at:
            self.stop.requested = True

    def epoch(self, metrics):
        self.told.append({k: v for k, v in metrics.items() if k != "seconds"})


def images(n=60):
    stream = torch.Generator().manual_seed(5)
    labels = torch.arange(n) % 3
    pixels = torch.randint(0, 120, (n, 1, 8, 8), generator=stream)
    pixels[:, 0, 0] += (40 * labels)[:, None]
    return ImageSet(pixels.to(torch.uint8), labels)


def unit(validation=True, ema=0.0, epochs=4, lr=0.05, dropout=0.2, **how_long):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(dropout),
        nn.Flatten(), nn.Linear(4 * 36, 3),
    )  # fmt: skip
    how = Augmentation((0.3,), (0.3,), crop_padding=1)
    train = Batches(images(), 10, seed=1, augmentation=how, train=True)
    held_out = Batches(images(30), 15, seed=1, augmentation=how, train=False)
    config = SupervisedConfig(OptimizerConfig(lr=lr, **how_long), Objective(), ema=ema)
    return Supervised(network, config, train, held_out if validation else None, epochs)


def run(made, store, watch=None, stop=None, epochs=4, stopping=None):
    watch, stop = watch or Watch(), stop or StopSignal()
    return Loop(made, epochs, store, watch, stop, stopping).run()


@pytest.mark.parametrize("stops", [(1,), (3, 4), (6, 1, 9), (5, 6, 7)])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_stopped_run_ends_bit_for_bit_where_the_whole_one_does(stops, ema):
    whole, told = unit(ema=ema), Watch()
    run(whole, Memory(), told)
    store, heard = Memory(), []
    for at in (*stops, None):
        made, stop = unit(ema=ema), StopSignal()
        if store.state is not None:
            torch.manual_seed(77)  # the process's own stream must not matter
        watch = Watch(stop, at)
        if at is None:
            run(made, store, watch, stop)
        else:
            with pytest.raises(Stopped):
                run(made, store, watch, stop)
        heard += watch.told
    assert heard == told.told
    assert same_state(whole.finish(), made.finish())


@pytest.mark.parametrize("validation", [True, False])
def test_a_plateau_goes_on_where_it_was(validation):
    """Stopped in the middle of its patience, and after a drop."""
    how = {"schedule": "plateau", "plateau_patience": 1, "validation": validation, "lr": 0.4}
    whole, told = unit(epochs=9, **how), Watch()
    run(whole, Memory(), told, epochs=9)
    assert whole.optimization.plateau.drops > 0
    assert whole.optimization.plateau.metric == ("score" if validation else "loss")
    store, heard = Memory(), []
    for at in (*[5] * 10, None):  # every epoch has six steps
        made, stop, watch = unit(epochs=9, **how), StopSignal(), Watch(None, at)
        watch.stop = stop
        if at is None:
            run(made, store, watch, stop, epochs=9)
        else:
            with pytest.raises(Stopped):
                run(made, store, watch, stop, epochs=9)
        heard += watch.told
    assert heard == told.told
    assert same_state(whole.finish(), made.finish())
    assert made.optimization.lr == whole.optimization.lr
    assert made.optimization.plateau == whole.optimization.plateau


def test_a_kill_between_two_saves_changes_nothing():
    whole = unit()
    run(whole, Memory())
    store = Memory()

    class Dies(Exception):
        pass

    class Deadly(Watch):
        def step(self, epoch, step, sums):
            super().step(epoch, step, sums)
            if self.seen == 15:
                raise Dies

    with pytest.raises(Dies):
        run(unit(), store, Deadly())
    made = unit()
    run(made, store)
    assert same_state(whole.network, made.network)


def test_long_epochs_are_saved_on_the_way(monkeypatch):
    monkeypatch.setattr(loop_module, "SAVE_EVERY_S", 0.0)
    store = Memory()
    run(unit(), store, epochs=1)
    assert store.saves == 6  # five inside of the epoch and one at its end


def test_a_loss_that_is_not_finite_names_its_step_and_keeps_the_state():
    made, store = unit(), Memory()
    good = made.train_step

    def poisoned(batch):
        metrics = good(batch)
        poisoned.calls += 1
        if poisoned.calls == 9:  # step 3 of the second epoch
            metrics["loss"] = metrics["loss"] * float("nan")
        return metrics

    poisoned.calls = 0
    made.train_step = poisoned
    with pytest.raises(UserError, match="epoch 2, step 3") as caught:
        run(made, store)
    assert "--lr" in str(caught.value)
    assert store.state["progress"]["epoch"] == 1
    assert all(v.isfinite().all() for v in store.state["unit"]["network"].values())


def test_a_batch_too_small_for_bn_is_named():
    network = nn.Sequential(nn.Conv2d(1, 4, 8), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))
    how = Augmentation((0.3,), (0.3,), crop_padding=1)
    train = Batches(images(), 1, seed=1, augmentation=how, train=True)
    config = SupervisedConfig(OptimizerConfig(), Objective())
    with pytest.raises(UserError, match=r"--batch-size 1: BN .* allowed: at least 2$"):
        run(Supervised(network, config, train, None, 4), Memory())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_in_the_middle_of_an_epoch(number):
    class Signals(Watch):
        def step(self, epoch, step, sums):
            super().step(epoch, step, sums)
            if self.seen == 8:
                os.kill(os.getpid(), number)

    store, stop = Memory(), StopSignal()
    with stop.listening(), pytest.raises(Stopped, match="epoch 2 after step 2") as caught:
        run(unit(), store, Signals(), stop)
    assert caught.value.signal == number
    assert (store.state["progress"]["epoch"], store.state["progress"]["step"]) == (1, 2)


def test_a_second_signal_ends_at_once():
    stop = StopSignal()
    with stop.listening():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_early_stopping_waits_for_its_patience():
    history = [{"val_accuracy": v} for v in (0.1, 0.5, 0.4, 0.5)]
    assert not EarlyStopping(3).exhausted(history)
    assert EarlyStopping(2).exhausted(history)
    assert not EarlyStopping(2).exhausted([])


def test_the_loop_ends_early_and_keeps_the_best_weights():
    made = unit(epochs=50, lr=1e-9)  # nothing is learned, so the first epoch stays the best
    made.optimization.config = made.config.optimizer
    progress = run(made, Memory(), epochs=50, stopping=EarlyStopping(2))
    assert progress.epoch == 3 + progress.history.index(
        max(progress.history, key=lambda e: e["val_accuracy"])
    )
    best = max(e["val_accuracy"] for e in progress.history)
    assert evaluated_metric(made.finish(), made.validation, Objective()) == best


def test_the_moving_average_is_torchs_formula():
    made = unit(ema=0.9, validation=False)
    name = "5.weight"
    expected = made.network.state_dict()[name].clone()
    for i, batch in enumerate(made.batches(0, 0)):
        made.train_step(batch)
        now = made.network.state_dict()[name]
        expected = now.clone() if i == 0 else 0.9 * expected + 0.1 * now
    assert torch.allclose(made.finish().state_dict()[name], expected, atol=1e-7)


def test_accuracy_counts_every_image():
    class Constant(nn.Module):
        def forward(self, x):
            return torch.eye(3)[torch.zeros(len(x), dtype=torch.long)]

    how = Augmentation((0.0,), (1.0,))
    data = images(31)
    batches = Batches(data, 7, seed=0, augmentation=how, train=False)
    expected = float((data.labels == 0).double().mean())
    assert evaluated_metric(Constant(), batches, Objective()) == pytest.approx(expected)


def test_the_objective_adds_the_auxiliary_loss_and_smooths():
    logits, extra = torch.randn(2, 5, 3, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 1])

    class Two(nn.Module):
        def forward(self, x):
            return logits, extra

    def smooth(z):
        target = torch.full((5, 3), 0.1 / 3, dtype=torch.float64)
        target[torch.arange(5), labels] += 0.9
        return -(target * z.log_softmax(1)).sum(1).mean()

    loss, main = Objective(0.1, 0.4)(Two(), torch.zeros(5), labels)
    assert loss.item() == pytest.approx((smooth(logits) + 0.4 * smooth(extra)).item())
    assert torch.equal(main, logits)


def test_bf16_computes_in_bf16_and_loses_in_float32():
    layer = nn.Linear(4, 3)
    seen = []
    layer.register_forward_hook(lambda m, i, out: seen.append(out.dtype))
    loss, _ = Objective(precision="bf16")(layer, torch.randn(5, 4), torch.zeros(5).long())
    assert seen == [torch.bfloat16]
    assert loss.dtype == torch.float32
    with pytest.raises(UserError, match="fp32, bf16"):
        Objective(precision="fp8")


@pytest.mark.parametrize("dilation", [1, 2])
def test_bf16_leaves_depthwise_convolutions_on_a_cpu_in_full_precision(dilation):
    """Where torch's gradient of the weights is wrong in bf16; a plain convolution is in bf16."""
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(4, 8, 32, 32, generator=stream).to(memory_format=torch.channels_last)
    torch.manual_seed(0)
    depthwise = nn.Conv2d(8, 8, 3, padding=dilation, dilation=dilation, groups=8)
    plain = nn.Conv2d(8, 8, 3, padding=dilation, dilation=dilation)

    def gradient(image: torch.Tensor) -> torch.Tensor:
        depthwise.zero_grad()
        (depthwise(image) * image.float()).sum().backward()
        return depthwise.weight.grad.clone()

    half = x.bfloat16()
    expected = gradient(half.float())
    with Objective(precision="bf16").casting(torch.device("cpu")):
        assert plain(x).dtype == torch.bfloat16
        assert depthwise(half).dtype == torch.float32
        found = [gradient(half) for _ in range(20)]  # what was wrong was so now and then
    assert all(torch.equal(one, expected) for one in found)
    with Objective().casting(torch.device("cpu")):
        assert plain(x).dtype == torch.float32


@pytest.mark.parametrize("before", [False, True])
def test_denormal_numbers_are_zero_while_it_trains_and_after_it_what_they_were(before):
    class Look(Watch):
        def step(self, epoch, step, sums):
            self.told.append(_least())

    watch = Look()
    torch.set_flush_denormal(before)
    try:
        run(unit(), Memory(), watch, epochs=1)
        after = _least()
    finally:
        torch.set_flush_denormal(False)
    assert {value for value in watch.told if isinstance(value, float)} == {0.0}
    assert (after == 0) == before
    assert _least() > 0


def _least():
    return torch.tensor(1e-39).mul(1.0).item()


def _without(state, *path):
    owner = state
    for place in path[:-1]:
        owner = owner[place]
    del owner[path[-1]]


@pytest.mark.parametrize(
    "change",
    [
        lambda state: _without(state, "progress"),
        lambda state: _without(state, "random"),
        lambda state: state["progress"].update(seconds=None),
        lambda state: _without(state, "unit", "optimization", "optimizer"),
        lambda state: state["progress"].update(epoch="two"),
        lambda state: state["progress"].update(step=-1),
        lambda state: state["progress"].update(history=[3]),
        lambda state: state["progress"].update(more=1),
        lambda state: state["unit"]["network"].update({"5.weight": torch.zeros(2, 2)}),
        lambda state: state.update(unit=[1, 2]),
    ],
)
def test_a_changed_state_is_refused_in_one_line(change):
    memory = Memory()
    Loop(unit(epochs=1), 1, memory, Watch(), StopSignal()).run()
    change(memory.state)
    with pytest.raises(UserError, match="does not fit the options of this run") as caught:
        Loop(unit(epochs=2), 2, memory, Watch(), StopSignal()).run()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 450


def test_an_average_of_weights_leaves_whole_numbers_as_they_are():
    """torch's own rounds 11 * 0.9999 + 11 * 0.0001 down to 10."""
    update = _averaged(0.9999)
    places, flags = torch.tensor([11, 7]), torch.tensor([True, False])
    ours = [places.clone()], [flags.clone()], [torch.tensor([1.0, 2.0])]
    for one, theirs in zip(ours, (places, flags, torch.tensor([2.0, 2.0])), strict=True):
        for _ in range(3):
            update(one, [theirs], 1)
    assert torch.equal(ours[0][0], places)
    assert torch.equal(ours[1][0], flags)
    torch.testing.assert_close(ours[2][0], torch.tensor([2 - 0.9999**3, 2.0]))
