"""RandAugment in batches: each image gets what torchvision would give it; chance is passed in."""

import pytest
import torch
from torchvision.transforms import v2

from beenhere.config.training import AugmentConfig
from beenhere.training.augment import OPERATIONS, augment, generator_of


@pytest.fixture
def image() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((1, 3, 6, 7), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(40, 52), mode="bicubic").clamp(0, 1)
    noisy = 25 + 190 * smooth + 15 * torch.rand((1, 3, 40, 52), generator=generator)
    return noisy.to(torch.uint8)


def outcomes(images: torch.Tensor) -> set[bytes]:
    return {image.contiguous().numpy().tobytes() for image in images}


@pytest.mark.parametrize("magnitude", [4, 9, 15])
def test_one_operation_has_the_outcomes_of_torchvision(image, magnitude):
    config = AugmentConfig(randaugment=1, magnitude=magnitude)
    batch = image.expand(600, -1, -1, -1)
    ours = augment(batch, torch.arange(600), config, generator_of(0)).unique(dim=0)
    torch.manual_seed(0)
    reference = v2.RandAugment(num_ops=1, magnitude=magnitude)
    theirs = torch.cat([reference(image) for _ in range(600)]).unique(dim=0)
    # 14 operations, 9 of them with either sign.
    assert len(ours) == len(theirs) == 23
    apart = (ours[:, None].float() - theirs[None].float()).abs()
    nearest = apart.mean((2, 3, 4)).argmin(1)
    assert sorted(nearest.tolist()) == list(range(23))
    # torchvision rounds a strength to float32, we do not: a few pixels fall to the other side.
    twins = apart[torch.arange(23), nearest]
    assert (twins > 0).float().mean((1, 2, 3)).max() < 0.02


def test_operations_are_drawn_for_each_image(image):
    batch = image.expand(64, -1, -1, -1)
    changed = augment(batch, torch.zeros(64), AugmentConfig(randaugment=3), generator_of(1))
    assert len(outcomes(changed)) > 40
    assert changed.dtype == torch.uint8
    assert changed.shape == batch.shape


def test_the_batch_around_an_image_does_not_change_what_is_done_to_it(image):
    """Operations that look at an image's histogram or mean must not look at its neighbours'."""
    others = torch.randint(0, 255, (15, 3, 40, 52), dtype=torch.uint8)
    mixed = torch.cat([image, others])
    for operation, _ in OPERATIONS:
        alone = operation(image, 0.3)
        assert torch.equal(operation(mixed, 0.3)[:1], alone)


def test_the_same_generator_gives_the_same_batch_whatever_the_global_state(image):
    batch = image.expand(32, -1, -1, -1)
    config, places = AugmentConfig(flip=0.5), torch.arange(32)
    torch.manual_seed(1)
    first = augment(batch, places, config, generator_of(3, 1, 4))
    state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(first, augment(batch, places, config, generator_of(3, 1, 4)))
    assert not torch.equal(first, augment(batch, places, config, generator_of(3, 1, 5)))
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state()), "global chance is not touched"


def test_mirroring_is_drawn_for_a_place_and_all_its_images_alike(image):
    places = torch.arange(200).repeat_interleave(3)
    batch = image.expand(600, -1, -1, -1)
    config = AugmentConfig(randaugment=0, flip=0.3)
    changed = augment(batch, places, config, generator_of(0))
    mirrored = (changed == image.flip(-1)).all((1, 2, 3)).reshape(200, 3)
    kept = (changed == image).all((1, 2, 3)).reshape(200, 3)
    assert torch.equal(mirrored.any(1), mirrored.all(1))
    assert torch.equal(mirrored, ~kept)
    assert 40 < mirrored[:, 0].sum() < 80


def test_nothing_asked_nothing_done(image):
    config = AugmentConfig(randaugment=0)
    assert augment(image, torch.zeros(1), config, generator_of(0)) is image
