"""ENAS: Efficient Neural Architecture Search via Parameter Sharing.

Pham, Guan, Zoph, Le, Dean; ICML 2018, section 2.2. Each step trains the shared weights on a path
that the controller draws, then the controller by REINFORCE on the accuracy of further draws on a
validation batch, with a moving average as the baseline. The entropy of a draw is part of its
reward, a number without a gradient. At the end the best of some draws is taken (section 2.2,
deriving architectures).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from nasbench.options import option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.oneshot.base import Batch, OneShotContext, SearchData, Supernets
from nasbench.strategies.oneshot.evaluation import frozen_bn_statistics
from nasbench.strategies.oneshot.single_path import TRIES, EvaluationOptions, SinglePathStrategy
from nasbench.strategies.recipe import DARTS, NASBENCH201, RECIPES, Recipe
from nasbench.training.distributed import average
from nasbench.training.optimization import Optimization, OptimizerConfig

INITIAL_RANGE = 0.1  # parameters begin uniform in [-0.1, 0.1], as in the paper


class Decided(NamedTuple):
    """An architecture and its probability under the controller.

    Attributes:
        arch: the architecture.
        log_probability: its log-probability, a scalar.
        entropy: the sum of the entropies of its decisions, in nats, a scalar.
        probabilities: label of each active decision to the probabilities of its options, shape
            ``(options,)``.
    """

    arch: Arch
    log_probability: Tensor
    entropy: Tensor
    probabilities: dict[str, Tensor]


class Controller(nn.Module):
    """An LSTM whose input is what was decided last.

    Args:
        domains: the decisions.
        hidden: units of the LSTM.
        temperature: divides the logits; above 0.
        tanh_constant: bounds them; above 0.
    """

    def __init__(
        self, domains: Domains, hidden: int, temperature: float, tanh_constant: float
    ) -> None:
        super().__init__()
        self.domains = domains
        self.temperature = temperature
        self.tanh_constant = tanh_constant
        self._first: dict[str, int] = {}  # label to the row of its first option
        rows = 0
        for label, domain in domains.items():
            self._first[label] = rows
            rows += len(domain.options)
        self.embedding = nn.Embedding(rows + 1, hidden)  # the last row begins every architecture
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.logits = nn.Linear(hidden, rows, bias=False)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL_RANGE, INITIAL_RANGE)

    def sample(self, stream: np.random.Generator) -> Decided:
        """Return a draw."""

        def draw(_: Domain, p: Tensor) -> int:
            ends = p.detach().double().cumsum(dim=0).cpu().numpy()
            return int(np.searchsorted(ends, stream.random() * ends[-1], "right"))

        return self.decide(draw)

    def likeliest(self) -> Decided:
        """Return the architecture whose every decision is the likeliest after those before it."""
        return self.decide(lambda _, p: int(p.argmax()))

    def read(self, arch: Arch) -> Decided:
        """Return the probability of a given architecture under the controller."""
        return self.decide(lambda domain, _: domain.options.index(arch[domain.label]))

    def decide(self, pick: Callable[[Domain, Tensor], int]) -> Decided:
        """Make every decision with ``pick`` and return the architecture.

        Args:
            pick: maps a decision and the probabilities of its options to the index of one.
        """
        state: tuple[Tensor, Tensor] | None = None
        row, found, logs = self.embedding.num_embeddings - 1, {}, []

        def choose(domain: Domain) -> Value:
            nonlocal state, row
            state = self.lstm(self.embedding.weight[row].unsqueeze(0), state)
            first = self._first[domain.label]
            weight = self.logits.weight[first : first + len(domain.options)]
            logits = self.tanh_constant * torch.tanh(weight @ state[0][0] / self.temperature)
            log = logits.log_softmax(dim=0)
            found[domain.label] = log.exp()
            place = pick(domain, found[domain.label])
            row = first + place
            logs.append((log[place], -(log.exp() * log).sum()))
            return domain.options[place]

        arch = self.domains.decide(choose)
        chosen, entropies = zip(*logs, strict=True)
        return Decided(arch, torch.stack(chosen).sum(), torch.stack(entropies).sum(), found)


HIDDEN = 100  # units of the controller's LSTM, as in the paper


@dataclass(frozen=True)
class EnasOptions(EvaluationOptions):
    """Options of ``enas``."""

    candidates: int = 10
    arch_lr: float = option(3.5e-4, "Learning rate of Adam on the controller.", above=0)
    samples: int = option(1, "Architectures sampled in a step of the controller.", low=1)
    decay: float = option(0.95, "Decay of the moving average of rewards.", low=0, below=1)
    entropy: float = option(1e-4, "Weight of a sample's entropy, in nats, in the reward.", low=0)
    temperature: float = option(5.0, "Divisor of the controller's logits.", above=0)
    tanh_constant: float = option(2.5, "Bound of the controller's logits.", above=0)
    penalty: float = option(
        1.0, "Reward lost for each multiple of a limit that a sample exceeds it by.", low=0
    )


class EnasStrategy(SinglePathStrategy):
    """Shared weights and the controller that draws their paths, in turn.

    Attributes:
        controller: its parameters are the architecture parameters.
        baseline: the moving average of rewards; the first reward begins it.

    Raises:
        UserError: the space has a ``ValueChoice``.
    """

    Options = EnasOptions
    revision = 2
    recipes: ClassVar[Mapping[str, Recipe]] = {
        **RECIPES,
        "darts": DARTS.but(
            "ENAS (arXiv:1802.03268), section 3; scripts/cifar10_micro_search.sh, "
            "cifar10_micro_final.sh",
            search={
                "epochs": 150,
                "batch_size": 160,
                "lr": 0.05,
                "final_lr": 5e-4,
                "nesterov": True,
                "weight_decay": 1e-4,
            },
            options={"arch_lr": 3.5e-3, "samples": 10, "decay": 0.99},
            network={"channels": 20, "layers": 8, "nodes": 5},
            retrain={
                "epochs": 630,
                "batch_size": 144,
                "lr": 0.05,
                "final_lr": 1e-4,
                "nesterov": True,
                "weight_decay": 2e-4,
                "cutout": 0,
                "drop_path": 0.4,
            },
            retrain_network={"layers": 17, "nodes": 5},
        ),
        "nas-bench-201": NASBENCH201.but(
            "NAS-Bench-201 (arXiv:2001.00326); configs/nas-benchmark/algos/ENAS.config",
            search={
                "epochs": 250,
                "batch_size": 128,
                "lr": 0.05,
                "final_lr": 5e-4,
                "weight_decay": 2.5e-4,
            },
            options={"arch_lr": 1e-3, "samples": 20, "candidates": 100},
        ),
    }
    learns_architecture = True
    options: EnasOptions

    def __init__(
        self, supernets: Supernets, domains: Domains, options: EnasOptions, context: OneShotContext
    ) -> None:
        super().__init__(supernets, domains, options, context)
        self.controller = Controller(domains, HIDDEN, options.temperature, options.tanh_constant)
        adam = OptimizerConfig(
            "adam", options.arch_lr, weight_decay=0.0, schedule="constant", grad_clip=0.0
        )
        parameters = list(self.controller.parameters())
        self.arch = Optimization(parameters, adam, context.total_steps)
        self.baseline: float | None = None

    def next_paths(self) -> Sequence[Arch]:
        """Return a draw of the controller that keeps the limits, or is the least over them."""
        return [self._draw("path", self.number)]

    @torch.no_grad()
    def _draw(self, *names: object) -> Arch:
        stream = self.context.stream(*names)
        best = self.controller.sample(stream).arch
        for _ in range(TRIES):
            if self.context.violation(best) == 0:
                break
            best = min(best, self.controller.sample(stream).arch, key=self.context.violation)
        return best

    def step(self, train: Batch, validation: Batch) -> dict[str, Tensor]:
        """Move the weights on ``train``, then the controller on ``validation``."""
        metrics = super().step(train, validation)
        return {**metrics, **self.controller_step(validation)}

    def controller_step(self, validation: Batch) -> dict[str, Tensor]:
        """Take one step of REINFORCE; return the draws' mean accuracy and entropy."""
        stream = self.context.stream("controller", self.number)
        draws = [self.controller.sample(stream) for _ in range(self.options.samples)]
        accuracies = [self.reward(draw.arch, validation) for draw in draws]
        losses = []
        for draw, accuracy in zip(draws, accuracies, strict=True):
            reward = accuracy - self.options.penalty * self.context.violation(draw.arch)
            reward += self.options.entropy * float(draw.entropy.detach())
            before = reward if self.baseline is None else self.baseline
            losses.append(-(reward - before) * draw.log_probability)
            self.baseline = self.options.decay * before + (1 - self.options.decay) * reward
        self.arch.minimize(torch.stack(losses).mean())
        entropy = torch.stack([draw.entropy.detach() for draw in draws]).mean()
        name = "val_accuracy" if self.objective.function.target == "class" else "reward"
        return {name: entropy.new_tensor(accuracies).mean(), "entropy": entropy}

    @torch.no_grad()
    def reward(self, arch: Arch, validation: Batch) -> float:
        """Return the reward on a batch, such as the accuracy, BN with the batch's statistics."""
        self.paths.arch = arch
        with frozen_bn_statistics(self.paths):
            _, logits = self.objective(self.paths, *validation)
        share = self.objective.reward(logits, validation[1])
        average([share])
        return float(share)

    def derive(self) -> Arch:
        """Return the likeliest architecture; limits are kept by :meth:`select`."""
        with torch.no_grad():
            return self.controller.likeliest().arch

    def select(self, data: SearchData) -> Arch:
        """Return the best draw on the validation half, of those that keep the limits."""
        images = self.calibration(data, self.options.calibration)
        scores: dict[Arch, float] = {}
        for done in range(self.options.candidates):
            data.tick(done, self.options.candidates)
            arch = self._draw("candidate", done)
            if arch not in scores and self.context.violation(arch) == 0:
                scores[arch] = self.judge(arch, images, data.validation())
        return max(scores, key=lambda arch: scores[arch]) if scores else self.derive()

    def mixing_weights(self) -> dict[str, list[float]]:
        """Return every decision's probabilities, given the likeliest decisions before it.

        Where several inputs are chosen together, a candidate has the summed probability of the
        options that include it, divided by their number of inputs. Decisions that are inactive in
        the likeliest architecture count as uniform.
        """
        with torch.no_grad():
            seen = self.controller.likeliest().probabilities
        found = super().mixing_weights()
        for label, p in seen.items():
            domain = self.domains[label]
            # An option of several inputs is a tuple of them.
            pairs = [
                (option if isinstance(option, tuple) else (option,), q)
                for option, q in zip(domain.options, p.tolist(), strict=True)
            ]
            found[label] = [
                sum(q for chosen, q in pairs if candidate in chosen) / domain.n_chosen
                for candidate in domain.candidates
            ]
        return found

    def get_extra_state(self) -> dict[str, Any]:
        """Return the number of steps and the baseline."""
        return {**super().get_extra_state(), "baseline": self.baseline}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the number of steps and the baseline."""
        super().set_extra_state(state)
        self.baseline = state["baseline"]

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of both optimizers."""
        return {**super().optimizer_state(), "arch": self.arch.state_dict()}

    def load_optimizer_state(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`optimizer_state`."""
        super().load_optimizer_state(state)
        self.arch.load_state_dict(state["arch"])
