"""What happens to a photo before the network: size, then mean and standard deviation."""

from dataclasses import dataclass

import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from beenhere.config.model import PreprocessingConfig
from beenhere.models.backbones import Backbone
from beenhere.models.networks import nearest_multiple

MAX_ASPECT = 8
"""Photos are squeezed to this many times their shorter side: one row of pixels is no panorama."""


@dataclass(frozen=True)
class Preprocessing:
    """The resolved options, and the arithmetic that goes with them.

    Attributes:
        config: mean and std filled in.
        multiple: sides are rounded to multiples of it where the aspect is kept.
    """

    config: PreprocessingConfig
    multiple: int = 1

    @classmethod
    def of(cls, config: PreprocessingConfig, backbone: Backbone) -> "Preprocessing":
        """The options with the backbone's own mean and std where they say null."""
        own = {"mean": config.mean or backbone.mean, "std": config.std or backbone.std}
        return cls(config.model_copy(update=own), backbone.sizes.multiple)

    @property
    def interpolation(self) -> str:
        """``"bilinear"`` or ``"bicubic"``, always antialiased."""
        return self.config.interpolation

    def target_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that the network is to see of a photo of this size, in pixels.

        A size that is a target already stays as it is, so photos may be resized while they are
        decoded and the model will not resize them again.
        """
        size = self.config.image_size
        if size is None:
            return height, width
        if not self.config.keep_aspect:
            return size
        shorter = nearest_multiple(min(size), self.multiple)
        scale = shorter / min(height, width)
        longest = min(max(height, width) * scale, shorter * MAX_ASPECT)
        longer = nearest_multiple(longest, self.multiple)
        return (shorter, longer) if height <= width else (longer, shorter)

    def resize(self, images: torch.Tensor) -> torch.Tensor:
        """``(B, 3, H, W)`` of any type to the target size; as it is where it has it."""
        size = self.target_size(images.shape[2], images.shape[3])
        if size == tuple(images.shape[2:]):
            return images
        mode = InterpolationMode(self.config.interpolation)
        resized: torch.Tensor = resize(images, list(size), mode, antialias=True)
        return resized
