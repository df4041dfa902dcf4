"""How the loss curves in the weights: the generalised Gauss-Newton matrix, of which each method takes what it needs.

For a loss L of outputs `o = f(w)`, `H = mean over samples of Jᵀ (∂²L/∂o²) J` with `J = ∂o/∂w`. It is the Hessian
without the term in `∂²f/∂w²` (Schraudolph, 2002), which Optimal Brain Damage (LeCun et al., 1990: the
"Levenberg-Marquardt approximation") and Optimal Brain Surgeon (Hassibi & Stork, 1993) leave out too. Where
the net is piecewise linear in each single weight, as with ReLU, the diagonal is exactly the Hessian's.

With `∂²L/∂o² = S Sᵀ`, H is the mean of `GᵀG` with `G = SᵀJ`: a row per sample and output. No labels are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from leveret.errors import LeveretUsageError

__all__ = ["Loss", "curvature_diagonal", "curvature_matrix", "curvature_rows", "linear_factors", "row_blocks"]

Loss = Literal["cross-entropy", "squared"]
_BYTES = 256 << 20


def curvature_rows(net: nn.Module, names: list[str], batches: Iterable[Any], loss: Loss) -> Iterator[list[Tensor]]:
    """G of a few samples at a time: for each named parameter `(samples, outputs, *shape)`.

    Args:
        net: maps inputs to logits `(batch, classes)`; run in eval mode, left as it is.
        names: of parameters.
        batches: of inputs, or of tuples that begin with them.
        loss: "cross-entropy" of softmax, or "squared": half the squared distance.

    Raises:
        LeveretUsageError: no batch, or a net whose gradients can't be taken sample by sample.
    """
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    wanted = {name: parameters.pop(name) for name in names}
    fixed = {**parameters, **dict(net.named_buffers())}
    numbers = sum(p.numel() for p in wanted.values())

    def outputs(weights: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
        logits = functional_call(net, {**fixed, **weights}, (x[None],))[0]
        return logits, logits

    was_training = net.training
    net.eval()
    try:
        seen = False
        for batch in batches:
            inputs = batch[0] if isinstance(batch, tuple | list) else batch
            with torch.no_grad():
                classes = net(inputs[:1]).shape[-1]
            for x in inputs.split(max(1, _BYTES // (4 * numbers * classes))):
                seen = True
                try:
                    jacobian, logits = vmap(jacrev(outputs, has_aux=True), in_dims=(None, 0))(wanted, x)
                except RuntimeError as error:
                    raise LeveretUsageError(
                        f"the curvature of {type(net).__name__} can't be found, for its gradients can't be taken "
                        f"sample by sample: {str(error).splitlines()[0]}"
                    ) from error
                root = _root(logits, loss)
                yield [torch.einsum("nij,ni...->nj...", root, jacobian[name]) for name in names]
        if not seen:
            raise LeveretUsageError("batches must hold at least one batch of inputs")
    finally:
        net.train(was_training)


def _root(logits: Tensor, loss: Loss) -> Tensor:
    """S of each sample, `(samples, outputs, outputs)`: `S Sᵀ` is the loss's second derivative by the outputs."""
    if loss == "squared":
        return torch.eye(logits.shape[1], dtype=logits.dtype).expand(len(logits), -1, -1)
    # diag(p) − p pᵀ = S Sᵀ with S = diag(√p) − p √pᵀ, as the p add up to 1
    p = logits.softmax(1)
    return torch.diag_embed(p.sqrt()) - p[:, :, None] * p.sqrt()[:, None]


def curvature_diagonal(net: nn.Module, names: list[str], batches: Iterable[Any], loss: Loss) -> list[Tensor]:
    """The diagonal of H for each named parameter, of its shape."""
    totals: list[Tensor] | None = None
    samples = 0
    for rows in curvature_rows(net, names, batches, loss):
        parts = [g.square().sum((0, 1)) for g in rows]
        totals = parts if totals is None else [total + part for total, part in zip(totals, parts, strict=True)]
        samples += len(rows[0])
    assert totals is not None
    return [total / samples for total in totals]


def curvature_matrix(net: nn.Module, names: list[str], batches: Iterable[Any], loss: Loss) -> Tensor:
    """H over all named parameters, one after the other as they lie in memory: `(n, n)` float64."""
    total: Tensor | None = None
    samples = 0
    for rows in curvature_rows(net, names, batches, loss):
        g = torch.cat([part.flatten(2).flatten(0, 1) for part in rows], dim=1).double()
        total = g.T @ g if total is None else total.addmm_(g.T, g)
        samples += len(rows[0])
    assert total is not None
    return total / samples


def row_blocks(net: nn.Module, name: str, rows: slice, batches: Iterable[Any], loss: Loss) -> Tensor:
    """The blocks of H that belong to some of a parameter's rows (its filters): `(rows, n, n)` float32."""
    total: Tensor | None = None
    samples = 0
    for (g,) in curvature_rows(net, [name], batches, loss):
        part = g[:, :, rows].flatten(3).flatten(0, 1).transpose(0, 1)  # (rows, samples · outputs, n)
        block = part.transpose(1, 2) @ part
        total = block if total is None else total + block
        samples += len(g)
    assert total is not None
    return total / samples


def linear_factors(net: nn.Module, name: str, batches: Iterable[Any], loss: Loss) -> tuple[Tensor, Tensor] | None:
    """What all rows' blocks of a linear layer are made of: its inputs x `(n, in)`, and s `(n, out)`.

    Row j's weights reach the loss through one sum alone, whose derivative is that of its bias: its block is
    `mean over samples of s_j x xᵀ`, s_j being the sum over outputs of `G_j²`. That is far less work than `row_blocks`.

    Returns:
        None where this doesn't hold or can't be told: another layer, without bias, or called other than once with
        `(n, in)`.
    """
    layer = net.get_submodule(name.removesuffix("weight").rstrip("."))
    if not isinstance(layer, nn.Linear) or layer.bias is None:
        return None
    if sum(getattr(module, "bias", None) is layer.bias for module in net.modules()) > 1:
        return None
    kept = list(batches)
    inputs = [_entering(net, layer, batch) for batch in kept]
    if any(x is None for x in inputs):
        return None
    squares = [g.square().sum(1) for (g,) in curvature_rows(net, [name.removesuffix("weight") + "bias"], kept, loss)]
    return torch.cat([x for x in inputs if x is not None]), torch.cat(squares)


def _entering(net: nn.Module, layer: nn.Module, batch: Any) -> Tensor | None:
    """What enters a layer, if that is `(n, in)` and happens once."""
    taken: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, arguments: taken.append(arguments[0].detach()))
    was_training = net.training
    net.eval()
    try:
        inputs = batch[0] if isinstance(batch, tuple | list) else batch
        with torch.no_grad():
            net(inputs)
    finally:
        handle.remove()
        net.train(was_training)
    return taken[0] if len(taken) == 1 and taken[0].dim() == 2 and len(taken[0]) == len(inputs) else None
