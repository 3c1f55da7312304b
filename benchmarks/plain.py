"""The plain pipeline of public VPR code: the yardstick of the benchmarks.

Each photo is decoded by Pillow, resized, turned into a float tensor and normalised on its own, in
a DataLoader; the network runs in float32; queries go one at a time because their sizes may differ.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from beenhere.models import VPRModel

Transform = Callable[[Image.Image], Tensor]


class Photos(Dataset[Tensor]):
    """Photos by path, each through the transform."""

    def __init__(self, paths: list[str], transform: Transform) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tensor:
        return self.transform(Image.open(self.paths[row]).convert("RGB"))


class Places(Dataset[Tensor]):
    """K photos of a place, each through the transform: ``(K, 3, H, W)``."""

    def __init__(self, places: list[list[str]], transform: Transform) -> None:
        self.places, self.transform = places, transform

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, row: int) -> Tensor:
        photos = [Image.open(path).convert("RGB") for path in self.places[row]]
        return torch.stack([self.transform(photo) for photo in photos])


class FloatModel(nn.Module):
    """The network of a model, without its preprocessing: normalised floats to descriptors."""

    def __init__(self, model: VPRModel) -> None:
        super().__init__()
        self.backbone, self.aggregator = model.backbone, model.aggregator
        self.projection = model.projection or nn.Identity()
        self.see = model.backbone.features if model.takes_tokens else model.backbone

    def forward(self, images: Tensor) -> Tensor:
        """``(B, 3, H, W)`` normalised to ``(B, D)``."""
        return nn.functional.normalize(self.projection(self.aggregator(self.see(images))), dim=1)


def transform(model: VPRModel, *first: Callable[[Image.Image], Image.Image]) -> Transform:
    """Resize to the model's size, other steps on the picture, tensor, normalise."""
    options = model.preprocessing.config
    assert options.image_size is not None
    mode = transforms.InterpolationMode(options.interpolation)
    steps = [
        transforms.Resize(options.image_size, interpolation=mode),
        *first,
        transforms.ToTensor(),
        transforms.Normalize(options.mean, options.std),
    ]
    composed: Transform = transforms.Compose(steps)
    return composed


def describe(
    model: VPRModel, paths: list[str], batch_size: int, workers: int = 0
) -> NDArray[np.float32]:
    """Descriptors of photos, ``(n, D)``."""
    loader = DataLoader(Photos(paths, transform(model)), batch_size=batch_size, num_workers=workers)
    network = FloatModel(model).eval()
    with torch.no_grad():
        return np.concatenate([network(images).numpy() for images in loader])


def training_batches(
    model: VPRModel, places: list[list[str]], places_per_batch: int, workers: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented images ``(P * K, 3, H, W)`` and place numbers, without end."""
    augmented = transform(model, transforms.RandAugment(num_ops=3))
    loader = DataLoader(
        Places(places, augmented), batch_size=places_per_batch, shuffle=True, num_workers=workers
    )
    while True:
        for images in loader:
            p, k = images.shape[:2]
            yield images.flatten(0, 1), torch.arange(p).repeat_interleave(k)
