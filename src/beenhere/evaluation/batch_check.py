"""Whether a model describes a photo alike alone and among others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from beenhere.errors import DataError, PhotoError
from beenhere.models import VPRModel
from beenhere.models.folding import evaluation_mode
from beenhere.photos.photo_input import Given, photo_input
from beenhere.photos.pixels import load_photo

LEAST_COSINE = 1 - 1e-5
"""What float32 leaves between the two of a model that looks at each photo by itself is 1e-6."""

BATCH = 8
"""Photos of a batch; models that look across a batch were seen to do so from two on."""


@dataclass(frozen=True)
class BatchCheck:
    """How alike the descriptors of photos are, alone and in batches of other photos.

    Attributes:
        photos: that were described both ways.
        lowest_cosine: of a photo alone with the same one in a batch.
        photo: which that was.
    """

    photos: int
    lowest_cosine: float
    photo: str

    @property
    def depends(self) -> bool:
        """Whether a descriptor depends on what else is in the batch.

        Recall then depends on the order of the queries, and is another one for a photo by itself.
        """
        return self.lowest_cosine < LEAST_COSINE


def batch_check(
    model: VPRModel, photos: Sequence[Given], most: int = 32, seed: int = 0
) -> BatchCheck:
    """Describe photos alone, and in shuffled batches, in float32.

    Some published models encode across a batch (CricaVPR, SuperVLAD's and SAGE's cross-image
    forms), and a network that was left in training mode normalises by its batch.

    Args:
        model: any; a wrapped one too.
        photos: as :meth:`VPRModel.describe` takes them.
        most: as many are drawn.
        seed: of the draw and of the order.

    Raises:
        DataError: fewer than two readable photos of one size for the network.
        ModelError: a size that it cannot take.
    """
    generator = np.random.default_rng(seed)
    groups: dict[tuple[int, ...], list[tuple[str, torch.Tensor]]] = {}
    for number in generator.permutation(len(photos))[:most]:
        photo = photo_input(photos[number], f"photo {number + 1}")
        how = model.preprocessing
        try:
            image = load_photo(photo.photo, how.target_size, how.interpolation)
        except PhotoError:
            continue
        groups.setdefault(tuple(image.shape), []).append((photo.name, image))
    device, lowest = model.mean.device, (2.0, "")
    compared = 0
    with evaluation_mode(model), torch.inference_mode():
        for group in groups.values():
            if len(group) < 2:
                continue
            compared += len(group)
            alone = torch.cat([model(image[None].to(device)) for _, image in group])
            # The last batch is filled up from the beginning: each photo has company.
            for begin in range(0, len(group), BATCH):
                rows = [row % len(group) for row in range(begin, begin + max(2, BATCH))]
                rows = list(dict.fromkeys(rows))
                together = model(torch.stack([group[row][1] for row in rows]).to(device))
                cosines = (together * alone[rows]).sum(dim=1).tolist()
                lowest = min(
                    lowest,
                    *((cosine, group[row][0]) for cosine, row in zip(cosines, rows, strict=True)),
                )
    if not compared:
        raise DataError(
            "there are no two readable photos that the network sees at one size; expected some to "
            "put into one batch"
        )
    return BatchCheck(compared, *lowest)
