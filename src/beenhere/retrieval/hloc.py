"""Files of hloc and COLMAP: lists of pairs of photos, and global descriptors in HDF5.

Read and written as hloc (Hierarchical-Localization; Sarlin et al., 2019) does: photos are named
from a root folder with ``/``; a list has ``query database`` a line; an HDF5 file has a group for
each name with the dataset ``global_descriptor``, ``(D,)`` float16 or float32.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from beenhere.config.evaluation import ExtractConfig
from beenhere.errors import ConfigError, DataError, ModelError
from beenhere.files.regular import named, regular
from beenhere.photos.table import paths_from
from beenhere.retrieval.descriptor_store import FileStamp, missing, photo_keys
from beenhere.wording import count, one_line

if TYPE_CHECKING:
    from beenhere.models.model import VPRModel

DATASET = "global_descriptor"
MODEL, PRECISION, WHITENED = "beenhere_model", "beenhere_precision", "beenhere_whitened"
"""Attributes of a file that came from an index; hloc looks at none."""

SAMPLE = 8
"""Photos that are described again, to see that a file's descriptors are of the model."""

LEAST_COSINE = 0.999
"""Of a descriptor in a file and the same computed again; float16, and bfloat16 against float32,
take off less."""

AT_ONCE = 1024
"""Descriptors that are read at once."""


def common_folder(paths: Sequence[str]) -> Path:
    """The deepest folder that all photos lie in."""
    folders = {os.path.dirname(os.path.abspath(path)) for path in paths}  # noqa: PTH100, PTH120
    try:
        return Path(os.path.commonpath(folders))
    except ValueError as error:  # no photo, or two drives of Windows
        raise DataError("the photos lie in no common folder; give one by --root") from error


def names_from(root: Path, paths: Sequence[str]) -> list[str]:
    """The name of each photo from a root folder, ``/`` between.

    Raises:
        DataError: a photo lies outside of it; it is named.
    """
    start = os.path.join(os.path.abspath(root), "")  # noqa: PTH100, PTH118
    found = [os.path.abspath(path) for path in paths]  # noqa: PTH100
    inside = [path.startswith(start) for path in found]
    # Else by way of links to folders.
    others = iter(
        paths_from([path for path, own in zip(found, inside, strict=True) if not own], root)
    )
    names = [
        Path(path[len(start) :]).as_posix() if own else next(others)
        for path, own in zip(found, inside, strict=True)
    ]
    outside = [
        path
        for path, name in zip(paths, names, strict=True)
        if name.startswith("../") or os.path.isabs(name)  # noqa: PTH117
    ]
    if outside:
        raise DataError(
            f"{outside[0]} lies outside of {root} ({count(len(outside), 'such photo')}); give a "
            "root that all photos lie in"
        )
    return names


def check_listable(names: Iterable[str]) -> None:
    """See that a list of pairs can hold each name.

    Raises:
        DataError: one has a space, or begins as a comment does; it is named.
    """
    wrong = [name for name in names if re.search(r"\s", name) or name.startswith("#")]
    if wrong:
        raise DataError(
            f"{wrong[0]!r} cannot stand in a list of pairs, whose names are ended by a space and "
            f"whose comments begin with # ({count(len(wrong), 'such photo')}); rename it, or give "
            "another root"
        )


def write_pairs(
    file: IO[str],
    pairs: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]],
    queries: Sequence[str],
    database: Sequence[str],
) -> int:
    """Write ``query database`` a line; returns how many.

    Args:
        file: open for text.
        pairs: rows of names ``(p,)``, some at a time.
        queries, database: names, none with a space.
    """
    written = 0
    for query, row in pairs:
        lines = (
            f"{queries[one]} {database[other]}\n"
            for one, other in zip(query.tolist(), row.tolist(), strict=True)
        )
        file.writelines(lines)
        written += len(query)
    return written


def write_descriptors(
    file: Path,
    described: Iterable[tuple[Sequence[str], NDArray[np.float32]]],
    attributes: dict[str, Any],
    dtype: Literal["float32", "float16"],
) -> None:
    """Write global descriptors as hloc's ``extract_features`` does.

    Args:
        file: is replaced.
        described: names and descriptors ``(n, D)``, some at a time.
        attributes: of the file: :data:`MODEL` and the others.
        dtype: float16 is hloc's own.

    Raises:
        ConfigError: h5py is not installed.
        DataError: two photos of one name.
        OSError: the disk is full, say.
    """
    with _h5py().File(file, "w", libver="latest") as written:
        written.attrs.update(attributes)
        for names, vectors in described:
            for name, vector in zip(names, vectors.astype(dtype), strict=True):
                try:
                    written.create_dataset(f"{name}/{DATASET}", data=vector)
                except ValueError as error:
                    raise DataError(
                        f"{name} cannot be written ({one_line(error, 80)}): two photos of that "
                        "name, seen from the root; give another"
                    ) from error


class GlobalDescriptors:
    """Descriptors of photos in a file of hloc's, for an index of the same model.

    A file does not say for certain how it was made, so some of its photos are described again.

    Args:
        file: HDF5.
        root: folder that its names are relative to.

    Attributes:
        found: photos whose descriptors were taken from it, after :meth:`keep`.

    Raises:
        ConfigError: h5py is not installed.
        DataError: no such file, or another kind.
    """

    def __init__(self, file: str | Path, root: str | Path) -> None:
        self.file, self.found, self._root = named(file), 0, named(root)
        try:
            with _h5py().File(regular(self.file), "r") as opened:
                self._attributes = dict(opened.attrs)
        except OSError as error:
            raise DataError(
                f"{file} cannot be read ({one_line(error, 80)}); expected an HDF5 file of hloc's"
            ) from error

    def keep(
        self, paths: Sequence[str], model: "VPRModel", config: ExtractConfig, store: Path
    ) -> None:
        """Put the descriptors of photos where :func:`~beenhere.retrieval.extract.extract` looks.

        Args:
            paths: of photos, some of which the file names.
            model: whose descriptors they are to be.
            config: precision and dtype.
            store: its folder.

        Raises:
            ModelError: they are of another model or precision, or whitened.
            DataError: none of the photos is in the file, or what stands there is no descriptor.
        """
        from beenhere.retrieval.extract import Embedder, open_descriptors

        self._check_attributes(model, config)
        if not paths:
            return
        name_of = dict(zip(paths, names_from(self._root, paths), strict=True))
        try:
            with _h5py().File(self.file, "r") as file:
                there = [path for path in paths if f"{name_of[path]}/{DATASET}" in file]
                if not there:
                    raise DataError(
                        f"{self.file} has no descriptor of {name_of[paths[0]]}, nor of another of "
                        f"the photos; its names are relative to another folder than {self._root}: "
                        "give that by --root"
                    )

                def read(some: Sequence[str]) -> NDArray[np.float32]:
                    names = [name_of[path] for path in some]
                    return np.stack(
                        [self._read(file, name, model.descriptor_dim) for name in names]
                    )

                chosen = np.unique(np.linspace(0, len(there) - 1, SAMPLE).astype(int))
                sample = [there[number] for number in chosen]
                again, _ = Embedder(model).embed_all(sample, sample, config)
                self._check_sample(sample, read(sample), again)
                stamps, _ = photo_keys(there, FileStamp)
                with open_descriptors(model, config, store, len(stamps)) as kept:
                    # An interrupted change may have left some.
                    todo = set(missing(kept, stamps.values()))
                    left = [path for path, stamp in stamps.items() if stamp in todo]
                    for start in range(0, len(left), AT_ONCE):
                        some = left[start : start + AT_ONCE]
                        kept.append([stamps[path] for path in some], read(some))
        except OSError as error:
            raise DataError(f"{self.file} cannot be read ({one_line(error, 80)})") from error
        self.found = len(stamps)

    def _read(self, file: Any, name: str, dim: int) -> NDArray[np.float32]:
        found = file[f"{name}/{DATASET}"]
        shape, kind = getattr(found, "shape", None), getattr(found, "dtype", np.dtype("O")).kind
        if shape != (dim,) or kind != "f":
            raise DataError(
                f"{self.file}: {name}/{DATASET} is {kind!r} of shape {shape}; expected floats of "
                f"({dim},), as the model gives them"
            )
        vector = np.asarray(found[()], np.float32)
        length = float(np.linalg.norm(vector))
        if not 0 < length < np.inf:
            raise DataError(
                f"{self.file}: {name}/{DATASET} has length {length:g}; expected a descriptor of "
                "finite numbers, not all 0"
            )
        return vector / np.float32(length)

    def _check_attributes(self, model: "VPRModel", config: ExtractConfig) -> None:
        if self._attributes.get(WHITENED):
            raise ModelError(
                f"{self.file} holds whitened descriptors, which fit the index alone that they came "
                "from; export them from one that was built with --whitening none"
            )
        for attribute, wanted in ((MODEL, model.fingerprint()), (PRECISION, config.precision)):
            got = self._attributes.get(attribute, wanted)
            if got != wanted:
                what = attribute.removeprefix("beenhere_")
                raise ModelError(
                    f"{self.file} holds descriptors of the {what} {got!s:.16}, and the index those "
                    f"of {wanted:.16}; leave out --h5: they are then computed"
                )

    def _check_sample(
        self, paths: Sequence[str], held: NDArray[np.float32], again: NDArray[np.float32]
    ) -> None:
        cosines = (held * again).sum(axis=1)
        if np.isnan(cosines).all():
            raise DataError(
                f"none of {count(len(paths), 'photo')} can be read, such as {paths[0]}, so it "
                f"cannot be known whether {self.file} holds their descriptors"
            )
        least = int(np.nanargmin(cosines))
        if cosines[least] < LEAST_COSINE:
            raise ModelError(
                f"{self.file} holds other descriptors than the model gives: {paths[least]}, "
                f"described again, has a cosine of {cosines[least]:.4f} with its own there; "
                f"expected {LEAST_COSINE} or more. Another model or image size, or another photo "
                "under that name: leave out --h5, and they are computed"
            )


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(
            'HDF5 files need h5py, which is not installed; pip install "beenhere[hloc]"'
        ) from error
    return h5py
