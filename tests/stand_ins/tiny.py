"""A model and photos so small that an oracle can follow them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from beenhere.config.models import ModelConfig, PreprocessingConfig
from beenhere.models.model import Preprocessing


class TinyModel(nn.Module):
    """Stands in for a VPRModel: a photo's colours in a 4 x 4 grid, less their mean, normalised.

    ``shapes`` holds the shape of every batch that it was given.
    """

    descriptor_dim = 48
    own = None

    def __init__(self, **preprocessing: Any) -> None:
        super().__init__()
        self.config = ModelConfig(preprocessing=PreprocessingConfig(**preprocessing))
        self.preprocessing = Preprocessing(self.config.preprocessing)
        self.scale = nn.Parameter(torch.ones(1))
        self.shapes: list[tuple[int, ...]] = []

    def fingerprint(self) -> str:
        state = f"{self.config.model_dump_json()} {self.scale.item()}"
        return hashlib.sha256(state.encode()).hexdigest()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.uint8 and not self.training
        self.shapes.append(tuple(images.shape))
        grid = nn.functional.adaptive_avg_pool2d(images.float() * self.scale, 4).flatten(1)
        return nn.functional.normalize(grid - grid.mean(dim=1, keepdim=True), dim=1)


def write_photo(path: Path, seed: int, height: int = 32, width: int = 32) -> str:
    """A photo of coloured tiles that another seed colours otherwise."""
    tiles = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(tiles).resize((width, height), Image.Resampling.NEAREST).save(path, quality=95)
    return str(path)


def at_name(easting: float, northing: float, note: str = "") -> str:
    """A file name as the UTM trees of the field have it, in zone 10S."""
    return f"@{easting:.2f}@{northing:.2f}@10@S@@@@@@@@@201507@{note}@.jpg"
