"""Weights of published models on this machine: fetched or taken from a file, then checkpoints.

They lie in ``models/NAME`` of ``$BEENHERE_CACHE`` or ``~/.cache/beenhere``, like any other
checkpoint, with where they came from and the SHA-256 of the authors' file in their provenance.
"""

import shutil
from pathlib import Path

import numpy as np
import scipy.io
import torch
from huggingface_hub import constants, hf_hub_download

from beenhere.errors import BeenhereError, ModelError
from beenhere.files.atomic import need_space
from beenhere.files.locks import locked
from beenhere.files.regular import named, regular
from beenhere.models.checkpoint import read_checkpoint, save_checkpoint
from beenhere.models.model import VPRModel
from beenhere.models.pretrained import hub_answers, read_weights
from beenhere.models.published.catalogue import PublishedModel, cache_folder
from beenhere.models.published.layouts import converted, unwrapped
from beenhere.photos.acquire.get_set import ChecksumRecord, OtherFileError, checksum
from beenhere.photos.acquire.sources import DriveSource, UrlSource
from beenhere.photos.acquire.transfer import fetch
from beenhere.wording import one_line

MEAN = "mean colour"
"""The name of what is no weight: the mean of R, G, B in [0, 255] that a file brings."""

WAIT = 3600.0
"""Seconds to wait for another process that fetches the same model."""


class WrongFileError(ModelError):
    """A file that was read and is not the model's, whatever may be mended around it."""


def is_offline() -> bool:
    """Whether the hub's own variable says that nothing may be fetched."""
    return bool(constants.HF_HUB_OFFLINE)


def get_published(
    model: PublishedModel, *, accept: bool = False, mirror: str | None = None
) -> Path:
    """Have a model's weights on this machine; they are fetched where they are not.

    Args:
        accept: the licence was shown and is agreed to.
        mirror: an address to fetch from instead: another hub's, for models of the hub; else a
            folder that holds the file.

    Returns:
        The checkpoint's folder.

    Raises:
        ModelError: a licence that has to be seen first, nothing may be fetched, it cannot be, or
            what came is another file, which is removed; or the disk is full, say: then what came
            is kept, and the next call goes on with it. Says what to type.
    """
    target = model.folder
    if model.is_here:
        return target
    if model.family.ask and not accept:
        raise ModelError(
            f"{model.name}: the licence of its code is {model.family.code_licence}, of its weights "
            f"{model.family.weights_licence}; see 'beenhere model info {model.name}', and if you "
            f"may use it: beenhere model get {model.name} --accept-licence"
        )
    if model.source.by_hand is not None and mirror is None:
        raise ModelError(f"{model.name} cannot be fetched by a program; {model.how_by_hand}")
    if is_offline():
        raise ModelError(
            f"{model.name} is not on this machine, and HF_HUB_OFFLINE is set; {model.how_by_hand}"
        )
    cache = cache_folder()
    downloads = cache / f".download-{model.name}"
    downloads.mkdir(parents=True, exist_ok=True)
    busy = f"another process fetches {model.name} right now; wait until that has ended"
    with locked(cache / f".{model.name}.lock", busy, WAIT, keep=False):
        if model.is_here:
            return target
        file = downloads / model.source.name
        if not file.exists():
            if model.bytes is not None:
                need_space(cache, 2 * model.bytes, f"{model.name} while it is converted")
            _fetch(model, file, mirror)
        try:
            need_space(cache, file.stat().st_size, f"{model.name}, converted,")
            take(model, file, source=model.source.page if mirror is None else mirror)
        except (WrongFileError, OtherFileError):  # nothing to go on from: it is whole
            shutil.rmtree(downloads, ignore_errors=True)
            raise
        except (BeenhereError, OSError, MemoryError, RuntimeError) as error:  # torch's: no memory
            raise ModelError(
                f"{one_line(error, None)}; {file} has come whole and is kept: mend that and type "
                "the same again, nothing is fetched twice (to fetch it anew, delete it)"
            ) from error
        shutil.rmtree(downloads, ignore_errors=True)
    return target


def take(model: PublishedModel, file: Path, source: str) -> Path:
    """Convert the authors' file of a model and keep it; the file stays as it is.

    Args:
        source: where it came from.

    Returns:
        The checkpoint's folder.

    Raises:
        ModelError: it is not that model's file, or not the one that was taken before.
    """
    if not named(file).is_file():
        problem = "is a folder" if Path(file).is_dir() else "is not there"
        raise ModelError(f"{file} {problem}; expected {model.source.name}, of {model.name}")
    found, form = checksum(file), _form(model, file)
    record = ChecksumRecord(cache_folder(), model.name)
    record.check(form, found)
    what = f"{file} is not a file of {model.name}"
    weights, config = _read(file), model.config
    if MEAN in weights:
        mean = tuple((weights.pop(MEAN).flatten() / 255).tolist())
        preprocessing = config.preprocessing.model_copy(update={"mean": mean})
        config = config.model_copy(update={"preprocessing": preprocessing})
    with torch.device("meta"):  # random weights of a gigabyte would only be thrown away
        built = VPRModel(config)
    try:
        state = converted(weights, model.layout, built.state_dict(), what)
    except ModelError as error:
        raise WrongFileError(str(error)) from error
    built.load_state_dict(state, assign=True)
    target, family = model.folder, model.family
    if record.has_others(form) and model.is_here and not _same(read_checkpoint(target), built):
        raise OtherFileError(
            f"{file} holds other weights than the file that {model.name} was made of, and scores "
            f"on the two may differ; to take these, delete {target}"
        )
    # Before it is used: what fits is what has to come again, even if the disk is full now.
    record.add({form: found})
    save_checkpoint(
        built,
        target,
        {
            "published": model.name,
            "paper": family.paper,
            "source": source,
            "file": {"name": file.name, "checksum": found},
            "licence": {"code": family.code_licence, "weights": family.weights_licence},
            "trained_on": family.trained_on,
        },
    )
    return target


def _form(model: PublishedModel, file: Path) -> str:
    """What to remember a file's checksum by, however it is called.

    The same weights are published in files of several kinds, each with a checksum of its own.
    """

    def kind(name: str) -> str:
        suffix = Path(name).suffix
        return suffix if suffix in (".safetensors", ".mat") else "torch"

    mirrored = (model.mirror or "").rpartition("/")[2]
    own = f"{model.name}{file.suffix}"
    known = (model.source.name, mirrored, own)
    return next(name for name in known if name and kind(name) == kind(file.name))


def _same(one: VPRModel, other: VPRModel) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )


def _read(file: Path) -> dict[str, torch.Tensor]:
    """:func:`authors_weights`, telling a wrong file from a disk or a memory that fails.

    Raises:
        WrongFileError: the file is to blame.
    """
    try:
        return authors_weights(file)
    except ModelError as error:
        cause = error.__cause__
        system = isinstance(cause, OSError) and cause.errno is not None  # SciPy's have no number
        if system or isinstance(cause, MemoryError) or "can't allocate" in str(cause):
            raise
        raise WrongFileError(str(error)) from error


def authors_weights(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file as authors publish them, without what they are wrapped in.

    Raises:
        ModelError: it cannot be read, or holds no tensors.
    """
    return _matlab(file) if file.suffix == ".mat" else unwrapped(read_weights(file))


def _matlab(file: Path) -> dict[str, torch.Tensor]:
    """A network of MatConvNet: ``layers.N.weights.I`` from 0, and the mean colour."""
    try:
        net = scipy.io.loadmat(regular(file), struct_as_record=False, squeeze_me=True)["net"]
        found = {
            f"layers.{number}.weights.{i}": torch.from_numpy(np.array(values, np.float32))
            for number, layer in enumerate(net.layers)
            for i, values in enumerate(getattr(layer, "weights", ()))
            if np.size(values)
        }
        colour = np.array(net.meta.normalization.averageImage, np.float32).reshape(-1, 3)[0]
    except Exception as error:  # SciPy fails in as many ways as there are files
        raise ModelError(
            f"{file}: not a network of MatConvNet ({type(error).__name__}: {one_line(error)}); "
            "expected hloc's Pitts30K_struct.mat"
        ) from error
    return {**found, MEAN: torch.from_numpy(colour)}


def _fetch(model: PublishedModel, file: Path, mirror: str | None) -> None:
    source = model.source
    if source.hub is not None:
        if not hub_answers(mirror):
            where = mirror or constants.ENDPOINT
            raise ModelError(f"{model.name}: {where} is out of reach; {model.how_by_hand}")
        try:
            hf_hub_download(source.hub, source.name, local_dir=file.parent, endpoint=mirror)
        except Exception as error:  # the hub's, its client's and the system's share no parent
            raise ModelError(
                f"{model.name} cannot be fetched from {mirror or constants.ENDPOINT} "
                f"({type(error).__name__}: {one_line(error)}); {model.how_by_hand}"
            ) from error
        return
    if mirror is not None:
        origin = UrlSource(f"{mirror.rstrip('/')}/{source.name}")
    else:
        origin = DriveSource(source.drive) if source.drive else UrlSource(str(source.url))
    fetch(origin, file, model.how_by_hand, size=model.bytes)
