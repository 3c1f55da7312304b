"""Models in inference: batch norms folded into convolutions, and evaluation mode for a while.

In evaluation a batch norm multiplies and shifts each channel by constants, which the weights and
bias of the convolution before it can do as well: the same descriptors in less time. Measured on
one core in bfloat16 at 320 px: EfficientNet-Lite0 from 33 to 21 ms a photo, ResNet-18 from 40 to
37.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LEAST_COSINE = 0.9999
"""A folded network whose descriptors of the sample agree less, in float32, is not used."""

_NORMS = (nn.BatchNorm2d, BatchNormAct2d)

Model = TypeVar("Model", bound=nn.Module)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and afterwards each part in the mode that it was in."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def fold_batch_norms(model: Model, sample: Tensor) -> Model:
    """A copy of a model for inference, with its batch norms folded; the model itself if none can.

    Which convolution feeds which norm is seen by running the sample, so any network will do. Only
    pairs that run once and alone are folded, and the result is held against the model.

    Args:
        model: in evaluation mode, images to descriptors ``(B, D)`` of length 1.
        sample: images that the model takes, on its device; one is enough.
    """
    if not any(type(module) in _NORMS for module in model.modules()):
        return model
    with torch.inference_mode():
        pairs, expected = _pairs(model, sample)
        if not pairs:
            return model
    folded = copy.deepcopy(model).requires_grad_(False)
    modules: dict[str, Any] = dict(folded.named_modules())
    for conv_name, norm_name in pairs:
        norm = modules[norm_name]
        folded.set_submodule(conv_name, fuse_conv_bn_eval(modules[conv_name], norm))
        # timm's norms hold an activation, which stays.
        acts = isinstance(norm, BatchNormAct2d)
        rest = nn.Sequential(norm.drop, norm.act) if acts else nn.Identity()
        folded.set_submodule(norm_name, rest)
    with torch.inference_mode():
        agreement = nn.functional.cosine_similarity(folded(sample), expected)
    return folded if bool((agreement >= LEAST_COSINE).all()) else model


def _pairs(model: nn.Module, sample: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Names of convolutions and of the batch norms that take their outputs; the descriptors."""
    runs: Counter[str] = Counter()
    outputs: dict[int, tuple[str, Tensor]] = {}  # holding on to them keeps their ids apart
    pairs: list[tuple[str, str]] = []
    hooks = []

    def after_conv(name: str, conv: nn.Module, inputs: Any, output: Tensor) -> None:
        runs[name] += 1
        outputs[id(output)] = name, output

    def before_norm(name: str, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        runs[name] += 1
        if id(inputs[0]) in outputs:
            pairs.append((outputs[id(inputs[0])][0], name))

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(partial(after_conv, name)))
        elif type(module) in _NORMS and module.track_running_stats:
            hooks.append(module.register_forward_pre_hook(partial(before_norm, name)))
    try:
        descriptors = model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    taken = Counter(conv for conv, _ in pairs)
    alone = [(conv, norm) for conv, norm in pairs if taken[conv] == runs[conv] == runs[norm] == 1]
    return alone, descriptors
