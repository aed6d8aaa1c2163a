"""A linear layer with its ReLU as one operation of oneDNN, forwards and backwards."""

from typing import Any

import torch
from torch import Tensor, nn


def linear_relu(inputs: Tensor, layer: nn.Linear, *, relu: bool) -> Tensor:
    """Return a linear layer's output, after a ReLU where there is one, shape [B, n_out].

    On CPUs torch multiplies float32 matrices with MKL, which on processors of other makers takes twice the time of
    oneDNN; the sums of both differ in their order alone. Wherever oneDNN does not apply torch's own layers compute it.

    Parameters
    ----------
    inputs : shape [B, n_in].
    layer : its weight and bias.
    relu : whether a ReLU follows.
    """
    if not _applies(inputs, layer):
        outputs = layer(inputs)
        return torch.relu(outputs) if relu else outputs
    fused: Tensor = _LinearReLU.apply(inputs, layer.weight, layer.bias, relu)
    return fused


def _applies(inputs: Tensor, layer: nn.Linear) -> bool:
    """Tell whether oneDNN can compute a layer: in eager mode, and on a CPU in float32.

    It takes longer than torch for a layer of one output, which is a product with a vector.
    """
    is_float32 = inputs.dtype == layer.weight.dtype == torch.float32
    return (
        inputs.device.type == "cpu"
        and is_float32
        and inputs.ndim == 2
        and inputs.numel() > 0
        and layer.out_features > 1
        and _HAS_ONEDNN
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _product(inputs: Tensor, weight: Tensor, bias: Tensor | None = None, after: str = "none") -> Tensor:
    """Return inputs · weightᵀ + bias, shape [B, n_out]."""
    if torch.is_grad_enabled():
        # A gradient whose own gradient is asked for (create_graph=True): oneDNN's product has none.
        return inputs @ weight.T
    found: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, after, [], "")
    return found


def _of_weight(gradient: Tensor, inputs: Tensor) -> Tensor:
    """Return gradientᵀ · inputs, shape [n_out, n_in]; the narrower matrix comes first, which is faster."""
    if inputs.shape[1] < gradient.shape[1]:
        return _product(inputs.T, gradient.T).T
    return _product(gradient.T, inputs.T)


class _LinearReLU(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, inputs: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
        outputs = _product(inputs, weight, bias, "relu" if relu else "none")
        context.save_for_backward(inputs, weight, outputs if relu else None)
        return outputs

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        inputs, weight, outputs = context.saved_tensors
        gradient = gradients[0]
        if outputs is not None:
            gradient = torch.ops.aten.threshold_backward(gradient, outputs, 0)
        of_inputs, of_weight, of_bias, _ = context.needs_input_grad
        return (
            _product(gradient, weight.T.contiguous()) if of_inputs else None,
            _of_weight(gradient, inputs) if of_weight else None,
            gradient.sum(0) if of_bias else None,
            None,
        )
