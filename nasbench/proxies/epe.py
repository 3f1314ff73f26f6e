"""Correlation of the Jacobians inside each class (Lopes et al., "EPE-NAS", ICANN 2021).

Equations 4 to 6. For each class c of the batch, ``e_c = sum over pairs of its images of
log(|r| + k)`` with ``k = 1e-5`` and r the correlation of the gradients of the summed logits by the
image, both orders of a pair and the pairs of an image with itself included. Score: ``sum of
|e_c|`` for up to 100 classes; for more, ``sum over pairs of classes of |e_c - e_d|`` divided by
the number of classes in the batch, with e_c divided by the images of the class. Needs images and
labels. Larger is better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.proxies.base import finite, input_gradients, scratch

K = 1e-5
MANY = 100


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the EPE-NAS score."""
    with scratch(network) as made:
        jacobian, classes = input_gradients(made, images)
    if labels.dim() > 1:  # the examples with the same labels or numbers are a class
        labels = torch.unique(labels, dim=0, return_inverse=True)[1]
    every = []  # e_c of each class
    for c in sorted(set(labels.tolist())):
        rows = jacobian[labels == c]
        correlations = torch.corrcoef(rows).reshape(len(rows), len(rows))
        term = (correlations.abs() + K).log().sum()
        every.append(term / (len(rows) if classes > MANY else 1))
    terms = torch.stack(every)
    if classes <= MANY:
        return finite(terms.abs().sum())
    return finite((terms[:, None] - terms).abs().sum() / len(terms))
