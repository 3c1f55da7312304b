"""``beenhere index``: make an index of photos, change it, check it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from beenhere.config import ComputeConfig, IndexConfig, IndexSearchConfig, WhiteningConfig
from beenhere.wording import file_size

if TYPE_CHECKING:
    from beenhere.retrieval.index.editing import Added

NAMED = 3
"""Unreadable photos that are named on the screen; `info --json` names all."""

Wait = Annotated[float, Parameter(validator=Number(gte=0))]

_WhereGiven = Parameter(show_default=lambda value: f"no whitening; {value} if the other is given")


class _BuildConfig(IndexConfig):
    """As an index has it; the help says that there is no whitening unless it is asked for."""

    whitening: Annotated[WhiteningConfig | None, _WhereGiven] = None


_DEFAULT = _BuildConfig()


def build(
    photos: Path,
    /,
    *,
    model: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    wait: Wait = 0,
    config: Annotated[_BuildConfig, Parameter(name="*")] = _DEFAULT,
    set_: Annotated[list[str], Parameter(name="--set", negative="")] = [],  # noqa: B006
) -> None:
    """Make an index of photos with a model.

    Interrupted, the same command goes on where it was. Photos that cannot be read are left out
    and named. The model is kept in the index. `--search pq` stands for `--search.kind pq`.

    Args:
        photos: a folder, or a CSV or Parquet table; see `beenhere data show`.
        model: a checkpoint folder, a run folder, or `offline-lite0`, which needs no training.
        out: folder of the index, such as `city.index`.
        wait: seconds to wait for another process that writes the index.
        config: dtype, whitening, search, and how descriptors are computed.
        set_: an option by name, such as `extract.batch_size=16`; may be repeated.
    """
    from beenhere import config_yaml
    from beenhere.datasets.table import PhotoTable
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.index.editing import build_index

    options = config_yaml.assign(config, set_)
    table = PhotoTable.read(photos)
    added = build_index(out, table, model, options, wait, "photos")
    if added.unchanged and not added.new:
        print(f"{out} holds these {added.photos:,} photos already: nothing to do")
    else:
        print(f"{out}: {added.photos:,} photos by {model}, in {added.seconds:.0f} s")
        print(f"search: {Index.open(out).store.search_line()}")
    _name_unreadable(added, out)


def add(
    index: Path,
    photos: Path,
    /,
    *,
    wait: Wait = 0,
    extract: ComputeConfig = ComputeConfig(),
) -> None:
    """Add photos to an index; only what is new or changed is computed.

    Photos that were moved or renamed are known again by their content. Where a file holds another
    photo than before, the old one goes.

    Args:
        index: folder of the index.
        photos: a folder, or a CSV or Parquet table; see `beenhere data show`.
        wait: seconds to wait for another process that writes the index.
        extract: how descriptors are computed.
    """
    from beenhere.datasets.table import PhotoTable
    from beenhere.retrieval.index import Index

    opened = Index.open(index)  # before photos are looked at, which may take long
    added = opened.add(PhotoTable.read(photos), wait=wait, **extract.model_dump())
    counts = {
        "new": added.new,
        "moved": added.moved,
        "replaced": added.replaced,
        "restored": added.restored,
        "updated": added.updated,
        "unchanged": added.unchanged,
    }
    said = ", ".join(f"{number:,} {what}" for what, number in counts.items() if number)
    print(f"{index}: {said or 'nothing added'}; {added.photos:,} photos now")
    _name_unreadable(added, index)


def remove(
    index: Path,
    paths: Annotated[list[str], Parameter(negative="")],
    /,
    *,
    wait: Wait = 0,
) -> None:
    """Take photos out of an index; their files are not touched.

    Args:
        index: folder of the index.
        paths: photos, folders, or patterns in quotes, such as `"*/2019/*.jpg"`.
        wait: seconds to wait for another process that writes the index.
    """
    from beenhere.retrieval.index import Index
    from beenhere.wording import count

    removed = Index.open(index).remove(*paths, wait=wait)
    print(f"{index}: {count(removed.removed, 'photo')} removed, {removed.photos:,} left")


def compact(index: Path, /, *, wait: Wait = 0) -> None:
    """Give back the space of removed photos.

    Args:
        index: folder of the index; its disk needs as much free space as the index will take.
        wait: seconds to wait for another process that writes the index.
    """
    from beenhere.retrieval.index import Index

    done = Index.open(index).compact(wait)
    print(f"{index}: {file_size(done.bytes_after)}, was {file_size(done.bytes_before)}")


def train(
    index: Path,
    /,
    *,
    wait: Wait = 0,
    config: Annotated[IndexSearchConfig, Parameter(name="*")] = IndexSearchConfig(),
) -> None:
    """Have an index searched in another way; its descriptors stay as they are.

    A search structure is trained where one is needed; `--search exact` goes back to none.
    `--search pq` stands for `--search.kind pq`.

    Args:
        index: folder of the index.
        wait: seconds to wait for another process that writes the index.
        config: exact, or by which structure.
    """
    from beenhere.retrieval.index import Index

    opened = Index.open(index)
    opened.train(config.search.model_dump(), wait)
    print(f"{index}: {opened.store.search_line()}")


def check(index: Path, /) -> None:
    """Read every file of an index, and see that it is as it was written; exit 1 if one is not.

    Of an index in Milvus every photo there is read too.

    Args:
        index: folder of the index.
    """
    from beenhere.retrieval.index.checking import check_index

    found = check_index(index)  # a damaged one cannot be opened
    for damage in found.damages:
        print(damage)
    if found.leftovers:
        files = "1 file" if len(found.leftovers) == 1 else f"{len(found.leftovers)} files"
        print(f"{files} left by an interrupted change; the next change removes them")
    if found.damages:
        print(
            f"{index} is damaged: bring back a copy of the folder, or build it again",
            file=sys.stderr,
        )
        sys.exit(1)
    print(f"{index}: {found.parts} files, {file_size(found.bytes)}, all as they were written")


def _name_unreadable(added: "Added", index: Path) -> None:
    if not added.unreadable:
        return
    named = [f"{path} ({reason})" for path, reason in added.unreadable.items()]
    more = f", ... (all by beenhere index info {index} --json)" if len(named) > NAMED else ""
    print(f"photos that cannot be read, left out: {len(named)}: {', '.join(named[:NAMED])}{more}")
