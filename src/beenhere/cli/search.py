"""``beenhere search``: the photos of an index that look most like others."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.cli.locate import STANDARD_INPUT, named_photos
from beenhere.cli.output import form_of, output_file, say, warn_of_near
from beenhere.cli.parameters import ADVANCED, ALL_PHOTOS, Out, Positive, WhichPhotos
from beenhere.config.evaluation import ComputeConfig
from beenhere.errors import DataError
from beenhere.wording import count


def search(
    index: Path,
    /,
    *photos: Annotated[str, Parameter(allow_leading_hyphen=True)],
    matches: Annotated[Positive, Parameter(name=["--matches", "-k"])] = 10,
    json: bool = False,
    out: Out | None = None,
    which: WhichPhotos = ALL_PHOTOS,
    extract: Annotated[ComputeConfig, ADVANCED] = ComputeConfig(),
) -> None:
    """List the photos of an index that look most like each photo, nearest first.

    No place is worked out, so the index may be of photos of which nothing is known. A photo that
    cannot be read is named on standard error; the exit code is then 2.

    Args:
        index: folder of the index; see `beenhere index build`.
        photos: files, folders, tables (.csv, .parquet), patterns in quotes, or `-` for one photo
            on standard input.
        matches: how many for each photo.
        json: print JSON.
        out: file to write instead of standard output; its name says the form: `.csv` or `.json`.
        extract: how descriptors are computed.
    """
    from dataclasses import replace

    from beenhere.report.nearest import nearest_csv, nearest_json, nearest_text
    from beenhere.retrieval.index import Index

    forms = {"csv": nearest_csv, "json": nearest_json}
    form = form_of(out, list(forms), "json" if json else None)
    write = nearest_text if form is None else forms[form]
    where = which.filter()
    paths, refused = named_photos(photos, search)
    opened = Index.open(index)
    warn_of_near(opened, where)
    contents = [sys.stdin.buffer.read() if path == STANDARD_INPUT else path for path in paths]
    found = opened.query(contents, matches, where, **extract.model_dump())
    found = replace(found, queries=tuple(paths))
    if out is None:
        sys.stdout.write(write(found))
    else:
        with output_file(out) as new:
            new.write_text(write(found), encoding="utf-8")
        answered = sum(one is not None for one in found.matches)
        say(f"written to {out}: what is most like {count(answered, 'photo')}")
    failed = [path for path, one in zip(paths, found.matches, strict=True) if one is None]
    refused += zip(failed, (reason for _, reason in found.unreadable), strict=True)
    for path, reason in refused:
        say(f"{path}: {reason}; not searched for")
    if refused:
        sys.exit(DataError.exit_code)
