"""What a network would give of an image, and by which of its weights, with nothing computed."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from beenhere.errors import ModelError
from beenhere.wording import one_line


def dry_run(
    network: nn.Module, run: Callable[[Any, torch.Tensor], torch.Tensor], size: tuple[int, int]
) -> tuple[tuple[int, ...], set[str]]:
    """Run a twin of the network, without content, on an image ``(1, 3, *size)`` without content.

    Only shapes and the autograd graph come out; nothing is computed and the network is untouched.

    Returns:
        Shape of the output, and names of the network's parameters that the output depends on.

    Raises:
        ModelError: the network cannot be run so, or not on images of this size.
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in
        twin = _without_content(network).eval()
        images = torch.empty(1, 3, *size, device="meta")
        try:
            with _ShapesAlone():
                output = run(twin, images)
            shape = tuple(output.shape)
        except Exception as error:  # code of any of timm's hundred families
            raise ModelError(
                f"{type(network).__name__} gives no feature maps of images of {size[0]} x {size[1]}"
                f" ({type(error).__name__}: {one_line(error, None)})"
            ) from error
    leaves = _leaves(output)
    return shape, {name for name, parameter in twin.named_parameters() if parameter in leaves}


def _without_content(network: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have a shape and a type alone (the meta device)."""
    memo: dict[int, Any] = {
        id(one): torch.empty_like(one, device="meta") for one in network.buffers()
    }
    for parameter in network.parameters():
        memo[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"))
    return copy.deepcopy(network, memo)  # what is in the memo is taken, not copied


_ACTIVATIONS = {F.gelu, F.hardswish, F.hardtanh, F.relu, F.relu6, F.silu}


class _ShapesAlone(TorchFunctionMode):
    """Within it batch norms and activations pass their input on, with the graph that it is due.

    On the meta device torch runs them in Python, which takes milliseconds for each of many layers.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function in _ACTIVATIONS:
            return args[0]
        if function is F.batch_norm:
            given = dict(zip(("input", "mean", "var", "weight", "bias"), args, strict=False))
            given |= kwargs
            return _Same.apply(given["input"], given.get("weight"), given.get("bias"))
        return function(*args, **kwargs)


class _Same(torch.autograd.Function):
    """The like of the first of some tensors, which in the graph depends on them all."""

    @staticmethod
    def forward(
        context: torch.autograd.function.FunctionCtx, first: torch.Tensor, *_: Any
    ) -> torch.Tensor:
        """A tensor of its shape; nothing here has content."""
        return torch.empty_like(first)


def _leaves(output: torch.Tensor) -> set[torch.Tensor]:
    """The tensors at the beginning of the autograd graph that ends in ``output``."""
    leaves, seen, pending = set(), set(), [output.grad_fn]
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.add(node.variable)
        pending.extend(before for before, _ in node.next_functions)
    return leaves
