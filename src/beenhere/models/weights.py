"""Weights in files: read without running anything, and held against the model they are for."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from beenhere.errors import ModelError

Weights = Mapping[str, torch.Tensor]
"""Names to tensors."""


def read_safetensors(path: Path) -> Weights:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        ModelError: no such file, truncated, or of another format.
    """
    if not path.is_file():
        raise ModelError(f"{path} is not there; expected a file of weights")
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path}: not a whole safetensors file ({error}); it is truncated or of another "
            "format: copy it or save it again"
        ) from error


def read_weights(path: Path) -> Weights:
    """The tensors of a safetensors file, or of a torch file that holds tensors alone.

    A torch file may have them under ``state_dict`` or ``model``. It is read with
    ``weights_only=True``: code in it is never run.

    Raises:
        ModelError: no such file, or another content.
    """
    if path.suffix == ".safetensors" or not path.is_file():
        return read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in as many ways as there are files
        raise ModelError(
            f"{path}: not a torch file of tensors alone ({type(error).__name__}); expected one "
            "written by torch.save(model.state_dict(), path), or a .safetensors file"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise ModelError(f"{path}: holds no weights; expected tensors by name")
    return content


def check_fit(weights: Weights, wanted: Weights, what: str) -> None:
    """Refuse weights that do not have the very names and shapes of ``wanted``.

    Args:
        weights: what was read.
        wanted: a module's ``state_dict()``.
        what: begins the error, such as ``"best/model.safetensors does not fit best/model.yaml"``.

    Raises:
        ModelError: names the first few differences.
    """
    problems = [f"{name} is missing" for name in wanted if name not in weights]
    problems += [f"{name} is not expected" for name in weights if name not in wanted]
    problems += [
        f"{name} is {tuple(weights[name].shape)} and not {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in weights and weights[name].shape != tensor.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ModelError(f"{what}: {', '.join(problems[:3])}{more}")
