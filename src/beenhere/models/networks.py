"""timm networks: by name, the image sizes that each can take, its stages.

Stages are counted as the field does. In a pyramid, stage k ends at total stride 2^(k+1): four
stages at strides 4, 8, 16 and 32, and a stem before them. In a transformer of one stride (ViT,
DINOv2) every block is a stage and the patch embedding is the stem.
"""

import copy
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import nn

from beenhere.errors import ModelError
from beenhere.wording import one_line

Run = Callable[[Any, torch.Tensor], torch.Tensor]
"""Some way to run a timm network: ``(network, images) -> output``."""


def create_network(name: str, **options: Any) -> Any:
    """The whole timm network; transformers that can take images of any size are made to.

    Args:
        name: as timm knows it, such as ``"resnet18.tv_in1k"``.
        options: more of ``timm.create_model``'s arguments.

    Raises:
        ModelError: timm knows no such name.
    """
    base = name.partition(".")[0]
    if not timm.is_model(name):
        near = difflib.get_close_matches(base, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() names them"
        raise ModelError(f"model.backbone.name is {name!r}, which timm does not know; {hint}")
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # the part after the dot says which weights
        known = timm.list_pretrained(f"{base}.*")
        raise ModelError(
            f"model.backbone.name is {name!r}; timm knows {', '.join(known)}"
        ) from error
    try:
        return timm.create_model(name, dynamic_img_size=True, **options)
    except TypeError:  # not such a transformer: the constructor has no such argument
        return timm.create_model(name, **options)


@dataclass(frozen=True)
class ImageSizes:
    """The sizes of images that a network takes.

    Attributes:
        multiple: heights and widths are multiples of it: a transformer's patch, else 1.
        only: the one (height, width) that it takes, or None.
        least: the smallest height and width.
    """

    multiple: int
    only: tuple[int, int] | None
    least: int

    @classmethod
    def of(cls, network: Any, stride: int) -> "ImageSizes":
        """What a timm network takes whose maps have this stride."""
        native = network.pretrained_cfg
        if not native.get("fixed_input_size", False):
            return cls(1, None, stride)
        embed: Any = getattr(network, "patch_embed", None)
        if getattr(embed, "strict_img_size", True):
            return cls(1, tuple(native["input_size"][1:]), stride)
        return cls(int(embed.patch_size[0]), None, stride)

    def check(self, height: int, width: int) -> None:
        """Refuse a size that the network cannot take.

        Raises:
            ModelError: names what was got, and sizes that fit.
        """
        got = f"the image is {height} x {width} pixels (height x width)"
        option = "set model.preprocessing.image_size"
        if self.only is not None:
            if (height, width) != self.only:
                only = f"{self.only[0]} x {self.only[1]}"
                raise ModelError(f"{got}; this backbone takes {only} alone: {option} to it")
        elif height % self.multiple or width % self.multiple:
            near = [nearest_multiple(side, self.multiple) for side in (height, width)]
            raise ModelError(
                f"{got}; this backbone takes multiples of {self.multiple}: {option}, nearest {near}"
            )
        elif min(height, width) < self.least:
            raise ModelError(
                f"{got}; this backbone takes {self.least} x {self.least} or more: {option}"
            )


def nearest_multiple(side: float, of: int) -> int:
    """The multiple of ``of``, not 0, that is nearest to ``side``."""
    return max(1, round(side / of)) * of


def stage_taps(network: Any) -> list[int]:
    """For each stage, the place of its output in timm's ``feature_info``."""
    strides = [info["reduction"] for info in network.feature_info]
    if len(set(strides)) == 1:
        return list(range(len(strides)))
    return [tap for tap, stride in enumerate(strides) if stride >= 4]


def stage_map(network: Any, images: torch.Tensor, tap: int, norm: bool) -> torch.Tensor:
    """The map ``(B, C, h, w)`` at a tap; nothing after it is computed.

    Transformers' tokens are folded, class and register tokens left out; ``norm`` puts the last norm
    of the network behind it.
    """
    (maps,) = network.forward_intermediates(
        images, indices=[tap], norm=norm, stop_early=True, intermediates_only=True
    )
    return maps  # type: ignore[no-any-return]


@dataclass(frozen=True)
class DryRun:
    """What running a network would give.

    Attributes:
        shape: of the output for one image.
        parameters: names of the network's parameters that the output depends on.
    """

    shape: tuple[int, ...]
    parameters: frozenset[str]


def dry_run(network: nn.Module, run: Run, size: tuple[int, int]) -> DryRun:
    """Run a twin of the network, without content, on an image ``(1, 3, *size)`` without content.

    Only shapes and the autograd graph come out; nothing is computed and the network is untouched.

    Raises:
        ModelError: the network cannot be run so, or not on images of this size.
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in
        twin = _without_content(network).eval()
        images = torch.empty(1, 3, *size, device="meta")
        try:
            output = run(twin, images)
            shape = tuple(output.shape)
        except Exception as error:  # code of any of timm's hundred families
            raise ModelError(
                f"{type(network).__name__} gives no feature maps of images of {size[0]} x {size[1]}"
                f" ({type(error).__name__}: {one_line(error, None)})"
            ) from error
    leaves = _leaves(output)
    names = (name for name, parameter in twin.named_parameters() if parameter in leaves)
    return DryRun(shape, frozenset(names))


def _without_content(network: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have a shape and a type alone (the meta device)."""
    stand_ins: dict[int, Any] = {}
    for parameter in network.parameters():
        stand_ins[id(parameter)] = nn.Parameter(torch.empty_like(parameter, device="meta"))
    for buffer in network.buffers():
        stand_ins[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(network, stand_ins)  # what is in the memo is taken, not copied


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
