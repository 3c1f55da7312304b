"""``beenhere data convert``: a set in another layout."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from beenhere.config import ShardsConfig
from beenhere.errors import ConfigError, DataError

if TYPE_CHECKING:
    from beenhere.datasets.convert import Conversion

NAMED = 3
"""Files that cannot be read and are named on the screen."""


def convert(
    source: Annotated[Path, Parameter(name="IN")],
    out: str,
    /,
    *,
    to: Literal["gsv-xs", "utm", "csv", "parquet", "shards"],
    shards: ShardsConfig = ShardsConfig(),
) -> None:
    """Write a set of photos in another layout; what is there is not changed.

    Photos with new names are hard links where both lie on one disk, else copies; pixels and EXIF
    stay as they are. Tables point at photos where they lie.

    Args:
        source: a folder or table of photos, or a folder with several sets.
        out: a new or empty folder; for shards also a URL such as `s3://bucket/set`.
        to: gsv-xs: a folder a city, names with places; utm: names with positions, database and
            queries kept; csv, parquet: tables; shards: archives to train from.
        shards: the options of shards.
    """
    if to == "shards":
        _to_shards(source, out, shards)
        return
    if "://" in out:
        raise DataError(f"{out} is a URL, and only shards are written to one; give a folder")
    if shards != ShardsConfig():
        raise ConfigError(f"--shards.* goes with --to shards; got --to {to}")
    from beenhere.datasets.convert import convert as write

    written = write(source, Path(out), to)
    print(f"{out}: {sum(written.photos.values()):,} photos as {to}{_how(written)}")
    width = max(16, *(len(folder) + 2 for folder in written.photos))
    for folder, number in written.photos.items():
        if folder:
            print(f"  {folder:<{width}}{number:,}")
    if written.lost:
        print(f"  {'not carried':<{width}}{'; '.join(written.lost)}")
    _say_unusable(written.unusable, width)
    print(f"Have a look: beenhere data show {out}")


def _how(written: "Conversion") -> str:
    parts = {"hard links": written.linked, "copies": written.copied}
    said = [f"{number:,} {what}" for what, number in parts.items() if number]
    return f" ({', '.join(said)})" if said else ""


def _to_shards(source: Path, out: str, options: ShardsConfig) -> None:
    from beenhere.datasets.convert import read_parts
    from beenhere.training.shards import write_shards
    from beenhere.wording import count

    parts = read_parts(source.expanduser())
    if len(parts) != 1 or parts[0].tree is not None:
        training = [str(source / part.folder) for part in parts if part.tree is None]
        hint = f"; name {'one of ' * (len(training) > 1)}{', '.join(training)}" if training else ""
        raise DataError(f"{source}: shards are of one training set, and this is none{hint}")
    written = write_shards(parts[0].table, out, options)
    shards, places = count(written.shards, "shard"), count(written.places, "place")
    print(f"{out}: {count(written.photos, 'photo')} of {places} in {shards}")
    if written.without_place:
        print(f"  not carried     {written.without_place:,} photos without a place")
    _say_unusable([*parts[0].table.unusable, *written.left_out], 16)
    print(f"Have a look: beenhere data show {out}")
    print(f"Train with: beenhere train CONFIG --set data.train={out}")


def _say_unusable(unusable: list[tuple[str, str]], width: int) -> None:
    if unusable:
        named = ", ".join(f"{path} ({reason})" for path, reason in unusable[:NAMED])
        more = ", ..." if len(unusable) > NAMED else ""
        print(f"  {'not used':<{width}}{len(unusable):,}: {named}{more}")
