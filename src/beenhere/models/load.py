"""A model by its name: built in, published, saved, or a function of a person's own."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from beenhere.config.models import BUILT_IN
from beenhere.config.options import OwnPart
from beenhere.config.own_parts import call_own
from beenhere.errors import ModelError
from beenhere.files.regular import named
from beenhere.models.checkpoint import checkpoint_provenance, find_checkpoint, read_checkpoint
from beenhere.models.model import VPRModel
from beenhere.models.pretrained import packaged_tensors
from beenhere.models.published.catalogue import find_published, published_model, refuse_misspelt
from beenhere.models.published.store import get_published


def load_model(
    spec: str | Path, device: str | torch.device = "cpu", parts: Collection[str] = ()
) -> VPRModel:
    """A trained model, in evaluation mode.

    >>> beenhere.load_model("offline-lite0").descriptor_dim
    6328

    Args:
        spec: a checkpoint folder; a run folder, whose ``checkpoints/best`` is taken;
            ``"offline-lite0"``, an untrained baseline that needs no network; a published model
            such as ``"megaloc"`` (:mod:`beenhere.models.published`), whose weights are fetched if
            they are not on this machine; or ``"my_module:function"`` of your own, which is called
            and gives a model, such as by :func:`beenhere.wrap`.
        device: such as ``"cuda"``.
        parts: modules of your own that the model may use, such as ``["my_module"]``; they are
            code, and are looked for in the current folder and among installed packages.

    Raises:
        ModelError: nothing there, not a checkpoint, truncated, of a newer format, weights that
            do not fit the architecture, or an architecture with a class of a module that is not
            among ``parts``, which is then not imported.
        ConfigError: a description that is not YAML, an architecture with unknown options, or a
            module of your own that cannot be imported.
    """
    if str(spec) in BUILT_IN:
        return VPRModel(BUILT_IN[str(spec)], packaged_tensors()).to(device).eval()
    function = own_function(spec)
    if function is not None:
        made = call_own(function, "the model")
        if not isinstance(made, VPRModel):
            raise ModelError(
                f"the model {spec} gives a {type(made).__name__}; expected what "
                "beenhere.wrap(network, image_size=...) gives"
            )
        return made.to(device).eval()
    return read_checkpoint(checkpoint_of(spec), parts).to(device).eval()


def known_name(spec: str | Path) -> str | None:
    """The name of the built-in or published model that a text stands for; None: it stands for none.

    A folder of that name is meant first.
    """
    if str(spec) in BUILT_IN:
        return str(spec)
    model = None if named(spec).exists() else find_published(str(spec))
    return None if model is None else model.name


def checkpoint_of(spec: str | Path) -> Path:
    """Where a checkpoint lies that is named by its path, or by the name of a published model.

    Raises:
        ModelError: nothing is there; or a published model's weights cannot be had, see
            :func:`beenhere.models.published.store.get_published`.
        ConfigError: nothing is there, and it is nearly a name.
    """
    name, path = known_name(spec), named(spec)
    if name is not None:
        return get_published(published_model(name))
    try:
        find_checkpoint(path)
    except ModelError:
        if not path.exists():
            refuse_misspelt(str(spec))
        raise
    return path


def own_function(spec: str | Path) -> OwnPart | None:
    """A function of a person's own that a model's name means; None where it means none."""
    if not isinstance(spec, str) or ":" not in spec or Path(spec).exists():
        return None
    try:
        return OwnPart(name=spec)
    except ValueError:  # a path with a colon in it
        return None


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """How a checkpoint's weights came to be: what was given, the versions, the time.

    Nothing is known of those of a built-in model or of a person's own function.

    Raises:
        ModelError, ConfigError: as :func:`load_model`.
    """
    if str(folder) in BUILT_IN or own_function(folder) is not None:
        return {}
    return checkpoint_provenance(checkpoint_of(folder))


def check_is_model(model: object) -> None:
    """Raise ModelError where something is no model of this package, such as a network of torch's.

    Index and evaluation need its preprocessing and its fingerprint besides the forward pass.
    """
    parts = ("preprocessing", "descriptor_dim", "fingerprint", "config")
    if isinstance(model, torch.nn.Module) and all(hasattr(model, part) for part in parts):
        return
    if isinstance(model, torch.nn.Module):
        raise ModelError(
            f"{type(model).__name__} is a bare network: nobody knows how photos become its input; "
            "say so with beenhere.wrap(network, image_size=(320, 320)), mean and std if they are "
            "not ImageNet's"
        )
    raise ModelError(
        f"the model is a {type(model).__name__}; expected the path of a checkpoint or run folder, "
        f"{', '.join(map(repr, BUILT_IN))}, or a model by beenhere.load_model"
    )
