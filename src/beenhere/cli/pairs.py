"""``beenhere index pairs`` and ``export``: an index for programs that build models of places."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from beenhere.cli.output import check_output_file, note_lines, output_file, say, tell
from beenhere.cli.parameters import Out, show_options
from beenhere.config.retrieval import PairsConfig
from beenhere.wording import count

show_options(PairsConfig, Parameter(name=["--matches", "-k"]), "matches")


def pairs(
    index: Path,
    /,
    *,
    out: Out = Path("pairs.txt"),
    root: Path | None = None,
    queries: Path | None = None,
    config: Annotated[PairsConfig, Parameter(name="*")] = PairsConfig(),
) -> None:
    """List pairs of photos that look alike, to match their local features: for hloc and COLMAP.

    A line is `query database`. Without `--queries` each photo is searched for in the others, and a
    pair comes once. A photo that lacks what a condition asks about is in no pair.

    Args:
        index: folder of the index.
        out: file to write.
        root: folder that names are relative to, as hloc's or COLMAP's folder of images [default:
            the one that all photos lie in].
        queries: other photos to search for; see `beenhere data show`.
    """
    from beenhere.photos.formats import read_photos
    from beenhere.retrieval.hloc import check_listable, common_folder, names_from, write_pairs
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.pairs import photo_pairs

    check_output_file(out)
    opened = Index.open(index)
    table = None if queries is None else read_photos(queries)
    for line in () if table is None else note_lines(table.notes):
        say(line)
    searched = opened.searchable_photos().paths
    asked = searched if table is None else table.paths
    start = common_folder(searched + asked) if root is None else root
    check_listable(names_from(start, searched if table is None else searched + asked))
    found = photo_pairs(opened, config, table, "pairs of photos")
    named = iter(names_from(start, searched))  # a removed photo may lie anywhere
    database = [next(named) if counts else "" for counts in opened.allowed]
    own = database if table is None else names_from(start, found.queries.paths)
    with output_file(out) as new, new.open("w", encoding="utf-8") as file:
        written = write_pairs(file, found, own, database)
    tell(f"{out}: {count(written, 'pair')}; names are relative to {start}")
    if found.unknown:
        tell(f"{count(found.unknown, 'photo')} without {found.asked}: in no pair")
    for path, reason in found.unreadable:
        say(f"{path}: {reason}; not searched for")


def export(
    index: Path,
    /,
    *,
    h5: Path,
    root: Path | None = None,
    dtype: Literal["float16", "float32"] = "float16",
) -> None:
    """Write the descriptors of an index as hloc's global descriptors.

    Each photo has a group of its name, with the dataset `global_descriptor`.

    Args:
        index: folder of the index.
        h5: HDF5 file to write.
        root: folder that names are relative to [default: the one that all photos lie in].
        dtype: float16 is hloc's own.
    """
    from beenhere.retrieval.hloc import common_folder, names_from, write_descriptors
    from beenhere.retrieval.index import Index
    from beenhere.retrieval.pairs import kept_descriptors

    check_output_file(h5)
    opened = Index.open(index)
    start = common_folder(opened.searchable_photos().paths) if root is None else root
    described, attributes = kept_descriptors(opened)
    named = ((names_from(start, paths), vectors) for paths, vectors in described)
    with output_file(h5) as new:
        write_descriptors(new, named, attributes, dtype)
    tell(f"{h5}: {count(len(opened), 'descriptor')} in {dtype}; names are relative to {start}")
