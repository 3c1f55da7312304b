"""What a model costs: the time of its forward pass."""

import time
from typing import TYPE_CHECKING

import torch

from beenhere.config import ExtractConfig
from beenhere.models.folding import evaluation_mode, fold_batch_norms
from beenhere.retrieval.extract import describe, precision_on

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

BATCH, TRIES = 16, 8


def milliseconds_per_photo(
    model: "VPRModel", config: ExtractConfig, height: int, width: int
) -> float:
    """Wall-clock time of the model alone, as descriptors are computed; nothing is decoded.

    The best of several tries, so that it says what the model costs and not what else the machine
    had to do.

    Args:
        model: on the device to time.
        config: its precision is used.
        height, width: of the images, in pixels.
    """
    device = next(model.parameters()).device
    bfloat16 = precision_on(device, config) == "bf16"
    images = torch.zeros(BATCH, 3, height, width, dtype=torch.uint8, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    seconds = []
    with evaluation_mode(model):
        network = fold_batch_norms(model, images[:1])
        for _ in range(1 + TRIES):  # the first warms up
            start = time.perf_counter()
            describe(network, images, bfloat16)  # ends on the processor, so a GPU has finished
            seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds[1:]) / BATCH
