"""Variance of Knowledge of Deep Network Weights (Tybl and Neumann, "VKDNW", CVPR 2025).

Sections 2.2 and 2.3. Weights are drawn anew (Kaiming normal, fan-in; biases 0), inputs are noise
from N(0, 1), and BN uses the running statistics of a new network, so it does nothing: the score
reads neither images, labels nor the network's own weights. A parameter stands for its layer: the
first number of each weight and bias, the first 128 of convolutions, linear layers and norms.

The empirical Fisher information of these parameters is ``F = mean over inputs of J^T (diag(p) -
p p^T) J``, J the Jacobian of the logits and p the probabilities of the classes. The label is drawn
from p, so none is needed. As in the authors' code, 5 % of p are spread evenly over the classes.
Score: ``-sum over k of q_k log q_k``, q the nine deciles of the eigenvalues of F, divided by
their sum; at most log 9. High if no direction of the parameters is much harder to estimate than
others. -inf if no parameter changes the logits. Larger is better.

The score tells nothing of the size of a network; ``vkdnw-single`` adds the number of weights and
biases (equation 12), which orders networks first. Several labels or numbers are taken as classes.

The paper draws 64 inputs and finds that their number matters little. Here it is 16, which give F
its full rank for ten classes in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.proxies.base import LAYERS, WORST, finite, kaiming, on_noise, part_of, scratch

INPUTS = 16
MOST = 128  # parameters
EVEN = 0.05  # share of the probabilities that is spread over the classes
TINY = 1e-10
_NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm)


def scores(network: nn.Module, images: Tensor, labels: Tensor) -> Mapping[str, float]:
    """Return VKDNW alone (``score``) and with the number of weights and biases (``single``)."""
    entropy = _entropy(fisher(network, images))
    return {"score": entropy, "single": len(list(_inference(network))) + entropy}


@part_of(scores)
def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the entropy of the deciles of the Fisher information's eigenvalues."""
    return scores(network, images, labels)["score"]


@part_of(scores)
def single(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the number of weights and biases plus :func:`score` (equation 12)."""
    return scores(network, images, labels)["single"]


def fisher(network: nn.Module, images: Tensor) -> Tensor:
    """Return the empirical Fisher information, float64, shape ``(parameters, parameters)``."""
    with scratch(network) as made:
        kaiming(made)
        made.eval()
        chosen = _Chosen(made)
        noise, out = on_noise(made, images[:INPUTS])
        if out.shape[1] == 1:  # of two classes, one of which has the logit 0
            out = torch.cat((out, torch.zeros_like(out)), 1)
        jacobian = chosen.jacobian(noise, out)
    p = (1 - EVEN) * out.detach().double().softmax(1) + EVEN / out.shape[1]
    centred = jacobian - (p[:, :, None] * jacobian).sum(1, keepdim=True)
    weighted = (p.sqrt()[:, :, None] * centred).flatten(0, 1)
    return weighted.T @ weighted / len(p)


def _inference(network: nn.Module) -> Iterator[nn.Parameter]:
    """Yield all parameters but those of layers for training alone."""
    for name, parameter in network.named_parameters():
        if name.partition(".")[0] not in getattr(network, "training_only", ()):
            yield parameter


def _entropy(information: Tensor) -> float:
    if not information.numel() or not information.isfinite().all():
        return WORST
    values = torch.linalg.eigvalsh(information).clamp(min=0)
    marks = torch.arange(1, 10, dtype=values.dtype, device=values.device) / 10
    deciles = torch.quantile(values, marks)
    shares = deciles / deciles.sum()  # NaN if nothing changes the logits
    return finite(-(shares * (shares + TINY).log()).sum())


class _Chosen:
    """The chosen parameters, and the derivatives of all logits by them for every input.

    The layers are linear in their parameters together, so the derivative of a layer's output by
    a parameter is its output with all others 0. A hook on the output multiplies it with
    the gradient of a logit, which arrives there for all inputs at once: a backward pass for each
    logit, and none for each input.
    """

    def __init__(self, network: nn.Module) -> None:
        self._found: dict[int, Tensor] = {}  # parameter to a column of the logit at work
        self._count = 0
        self._busy = False  # the layers are called inside their hooks
        counted = set(map(id, _inference(network)))
        for module in network.modules():
            if isinstance(module, (*LAYERS, *_NORMS)):
                own = module.named_parameters(recurse=False)
                names = [name for name, parameter in own if id(parameter) in counted]
                names = names[: MOST - self._count]
                numbers = range(self._count, self._count + len(names))
                module.register_forward_hook(self._watch(dict(zip(numbers, names, strict=True))))
                self._count += len(names)

    def _watch(self, names: Mapping[int, str]) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if self._busy:
                return
            self._busy = True
            last = isinstance(module, nn.Linear | nn.LayerNorm)
            with torch.no_grad():
                moved = {n: _changed(module, name, inputs[0], last) for n, name in names.items()}
            self._busy = False

            def collect(gradient: Tensor) -> None:
                first = gradient.select(-1 if last else 1, 0)
                for number, change in moved.items():
                    column = (first * change).reshape(len(first), -1).sum(1).double()
                    self._found[number] = self._found.get(number, 0) + column

            if output.requires_grad:
                output.register_hook(collect)  # type: ignore[no-untyped-call]

        return hook

    def jacobian(self, noise: Tensor, out: Tensor) -> Tensor:
        """Return the Jacobian, float64, shape ``(B, logits, parameters)``."""
        rows = []
        nothing = out.new_zeros(len(out), dtype=torch.float64)
        for logit in out.sum(0):
            self._found.clear()
            torch.autograd.grad(logit, noise, retain_graph=True, allow_unused=True)
            rows.append(
                torch.stack([self._found.get(n, nothing) for n in range(self._count)], 1)
                if self._count
                else nothing[:, None][:, :0]
            )
        return torch.stack(rows, 1)


def _changed(module: nn.Module, name: str, x: Tensor, last: bool) -> Tensor:
    """Return the derivative of the first channel of a layer's output by its first parameter."""
    given = {key: torch.zeros_like(value) for key, value in module.named_parameters()}
    given[name][(0,) * given[name].dim()] = 1
    found: Tensor = functional_call(module, given, (x,))
    return found.select(-1 if last else 1, 0).clone()
