"""timm networks by name, and the image sizes that each can take."""

import difflib
from dataclasses import dataclass
from typing import Any

import timm

from beenhere.errors import ModelError


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
