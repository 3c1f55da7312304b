"""Random changes to training images: whole batches, on the device they are trained on.

RandAugment (Cubuk et al., 2020) with the operations and strengths of torchvision's: each image
draws its own operations, then the images that drew the same one are changed together. All draws
come from one generator that is passed in, so that a batch's changes are known by its number.
"""

from collections.abc import Callable, Sequence
from math import atan, degrees

import numpy as np
import torch
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional as F

from beenhere.config.training import AugmentConfig

STRENGTHS = 31
"""Magnitudes run from 0 to 30."""

Operation = Callable[[Tensor, float], Tensor]
"""Images ``(B, 3, H, W)`` uint8 and how strongly, in [-1, 1], to images alike."""


def generator_of(*numbers: int) -> Generator:
    """A generator that is a function of some numbers, such as seed, epoch, batch and rank."""
    (state,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return Generator().manual_seed(int(state))


def augment(images: Tensor, places: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    """Change a batch at random.

    Args:
        images: ``(B, 3, H, W)`` uint8 in [0, 255], on any device.
        places: ``(B,)`` labels: mirroring is drawn once for each.
        config: how many operations an image, how strong, how many places are mirrored.
        generator: on the CPU; the only source of chance.

    Returns:
        ``(B, 3, H, W)`` uint8, on the same device.
    """
    if config.flip > 0:
        images = _flip(images, places, config.flip, generator)
    for _ in range(config.randaugment):
        images = _one_operation_each(images, config.magnitude / (STRENGTHS - 1), generator)
    return images


def _flip(images: Tensor, places: Tensor, share: float, generator: Generator) -> Tensor:
    _, numbers = torch.unique(places.cpu(), return_inverse=True)
    mirrored = torch.rand(int(numbers.max()) + 1, generator=generator) < share
    chosen = mirrored[numbers].to(images.device)
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def _one_operation_each(images: Tensor, strength: float, generator: Generator) -> Tensor:
    drawn = torch.randint(len(OPERATIONS), (len(images),), generator=generator)
    negative = torch.rand(len(images), generator=generator) < 0.5
    changed = torch.empty_like(images)
    for number, (operation, signed) in enumerate(OPERATIONS):
        for sign in (1, -1) if signed else (1,):
            mine = drawn == number
            if signed:
                mine &= negative == (sign < 0)
            rows = mine.nonzero().squeeze(1).to(images.device)
            if len(rows):
                changed[rows] = operation(images[rows], sign * strength)
    return changed


def _affine(
    images: Tensor, translate: Sequence[int] = (0, 0), shear: Sequence[float] = (0.0, 0.0)
) -> Tensor:
    # Shears turn about the corner, as in the reference implementation of AutoAugment.
    center = [0, 0] if any(shear) else None
    moved: Tensor = F.affine(
        images, angle=0.0, translate=list(translate), scale=1.0, shear=list(shear), center=center
    )
    return moved


OPERATIONS: tuple[tuple[Operation, bool], ...] = (
    (lambda x, strength: x, False),
    (lambda x, strength: _affine(x, shear=(degrees(atan(0.3 * strength)), 0.0)), True),
    (lambda x, strength: _affine(x, shear=(0.0, degrees(atan(0.3 * strength)))), True),
    (lambda x, strength: _affine(x, (int(150 / 331 * x.shape[-1] * strength), 0)), True),
    (lambda x, strength: _affine(x, (0, int(150 / 331 * x.shape[-2] * strength))), True),
    (lambda x, strength: F.rotate(x, 30 * strength), True),
    (lambda x, strength: F.adjust_brightness(x, 1 + 0.9 * strength), True),
    (lambda x, strength: F.adjust_saturation(x, 1 + 0.9 * strength), True),
    (lambda x, strength: F.adjust_contrast(x, 1 + 0.9 * strength), True),
    (lambda x, strength: F.adjust_sharpness(x, 1 + 0.9 * strength), True),
    (lambda x, strength: F.posterize(x, round(8 - 4 * strength)), False),
    (lambda x, strength: F.solarize(x, 255 * (1 - strength)), False),
    (lambda x, strength: F.autocontrast(x), False),
    (lambda x, strength: F.equalize(x), False),
)
"""Operations to draw from, each with the same chance; and whether their strength has a sign."""
