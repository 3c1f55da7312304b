"""``beenhere data places``: own photos become a training set."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.config import PlacesConfig


def places(
    photos: Path,
    out: Path,
    /,
    *,
    config: Annotated[PlacesConfig, Parameter(name="*")] = PlacesConfig(),
) -> None:
    """Make a training set of photos with positions: places, validation and test, ground apart.

    The photos stay where they are; the new folder holds tables of them, a configuration to start
    with, and a map of the split.

    Args:
        photos: a folder or table of photos with positions.
        out: a new or empty folder.
        config: how places are formed, and how the ground is split.
    """
    from beenhere.datasets.formats import read_photos
    from beenhere.datasets.places import build_places, write_places
    from beenhere.files.atomic import new_folder
    from beenhere.report.places_text import places_text

    with new_folder(out, photos.expanduser()) as folder:
        built = build_places(read_photos(photos), config)
        from beenhere.datasets.places.write import CONFIG, LEFT_OUT, MAP
        from beenhere.report.split_map import draw_split

        write_places(built, config, photos, folder, out)
        draw_split(built, folder / MAP)
    print(out)
    print(places_text(built, config))
    print(f"map        {out / MAP}")
    if built.left_out:
        print(f"left out   {out / LEFT_OUT}")
    print(f"Train with: beenhere train {out / CONFIG} --out runs/{out.absolute().name}")
