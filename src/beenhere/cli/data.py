"""``beenhere data``: look at photo sets, and make a synthetic one."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from beenhere.config import CityConfig, EvalConfig

_SHOWN = 3
"""Photos in no set that are named where not all are asked for."""


def show(
    path: str,
    /,
    *,
    radius: Annotated[float, Parameter(validator=Number(gte=0))] = EvalConfig().thresholds[0],
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
) -> None:
    """What a folder or table of photos holds, and what of it cannot be used and why.

    The format is recognised: photos with positions in their names (GSV-XS, SF-XS and kin),
    GSV-Cities, photos with EXIF, a CSV or Parquet table; a folder with `database/` and `queries/`;
    a published set as it comes; or a folder with several of these.

    Args:
        path: a folder, a table, one photo, or tar shards: their folder or its URL.
        radius: metres within which a database photo is a positive of a query.
        list_: name every file that cannot be used, not only a few.
    """
    from beenhere.config import EvaluationData
    from beenhere.datasets.formats import find_sets, protocols_of, read_evaluation, read_photos
    from beenhere.report.photo_set import neighbours, photo_set_text, positives, shards_text
    from beenhere.training.shards import is_shards

    if is_shards(path):
        from beenhere.training.shards import Shards

        shards = Shards.open(path)
        _show(shards.store.name, shards_text(shards, list_))
        return
    below = find_sets(Path(path).expanduser())
    for number, found in enumerate(below.sets):
        if number:
            print()
        root = str(found.path if found.path.is_dir() else found.path.parent)
        if found.evaluation:
            tables = read_evaluation(EvaluationData(tree=found.path))
            _show(f"{root}, database", photo_set_text(tables.database, root, list_))
            _show(f"{root}, queries", photo_set_text(tables.queries, root, list_))
            print(positives(tables, radius))
            offered = protocols_of(found.path)
            if offered:
                print(f"  protocols  {', '.join(offered)} (the first is shown)")
        else:
            table = read_photos(found.path)
            _show(str(found.path), photo_set_text(table, root, list_))
            if len(table) > 1 and table.frame["place"].is_null().all():  # places are for training
                print(neighbours(table, radius))
    if below.loose:
        print(f"\nIn no set: {len(below.loose):,}")
        for name, reason in below.loose if list_ else below.loose[:_SHOWN]:
            print(f"  {name}: {reason}")


def _show(title: str, lines: list[str]) -> None:
    print(title, *lines, sep="\n")


def city(
    out: Path,
    /,
    *,
    config: Annotated[CityConfig, Parameter(name="*")] = CityConfig(),
    set_: Annotated[list[str], Parameter(name="--set", negative="", show_default=False)] = [],  # noqa: B006
) -> None:
    """Render the synthetic demo city: sets named and laid out as GSV-XS, SF-XS and Tokyo-XS.

    No real place is shown. Interrupted, the same command goes on where it was.

    Args:
        out: a new or empty folder, or an unfinished city.
        config: how much to render.
        set_: an option by name, such as `places=50`; may be repeated.
    """
    from beenhere import config_yaml
    from beenhere.datasets.city import write_city

    given = [f"{name}={value}" for name, value in config.model_dump().items()]
    options = config_yaml.load(CityConfig, assignments=[*given, *set_])
    folder = write_city(out, options, what="photos")
    print(f"{folder.root}: {folder.photos:,} photos, {folder.places:,} training places")
    print(f"Have a look: beenhere data show {folder.root}")
