"""``beenhere tag``: positions that were found, written into photos, and taken out again."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from beenhere.cli.output import NAMED, say, tell
from beenhere.errors import ConfigError, DataError
from beenhere.wording import count

_WRITE = Parameter(group=Group("Write positions into photos", sort_key=2))


@Parameter(name="*")
@dataclass(frozen=True)
class TagOptions:
    """Where positions are written, and which; the help shows the texts below."""

    write_exif: Annotated[bool, _WRITE] = False
    """into EXIF of JPEG files, and beside all others as XMP; pixels and other tags stay."""
    write_xmp: Annotated[bool, _WRITE] = False
    """into XMP files beside the photos, such as `a.jpg.xmp`."""
    overwrite: Annotated[bool, _WRITE] = False
    """also where a photo has a position already."""
    guesses: Annotated[bool, _WRITE] = False
    """also guesses, marked as such; by itself only what is known."""

    @property
    def wanted(self) -> bool:
        """Whether anything is to be written."""
        return self.write_exif or self.write_xmp

    def check(self) -> None:
        """Raise ConfigError where there is nothing that an option could be about."""
        for name in ("overwrite", "guesses"):
            if getattr(self, name) and not self.wanted:
                raise ConfigError(f"--{name} goes with --write-exif or --write-xmp; give one")


NO_TAGS = TagOptions()


def tag(
    *answers: Path,
    undo: bool = False,
    writing: TagOptions = NO_TAGS,
) -> None:
    """Write the positions of `beenhere locate --out answers.json` into the photos.

    A file is changed whole or not at all, and can be brought back byte for byte: what it was is
    kept in `beenhere-undo.jsonl` in its folder until `beenhere tag --undo FOLDER`. A photo with a
    position of its own is left as it is. With neither `--write-exif` nor `--write-xmp`,
    `--write-exif` is meant. A file that cannot be written is named; the exit code is then 2.

    Args:
        answers: files of answers; with `--undo` folders or photos.
        undo: bring the files back as they were.
        writing: which positions to write where.
    """
    if not answers:
        what = "folders or photos to bring back" if undo else "the JSON of beenhere locate"
        raise ConfigError(f"nothing is named; give {what}")
    if undo:
        if writing != NO_TAGS:
            raise ConfigError("--undo goes with no other option; it brings back all that was")
        _undo(answers)
        return
    from beenhere.tools.tag import read_answers

    found = [answer for file in answers for answer in read_answers(file)]
    options = writing if writing.wanted else replace(writing, write_exif=True)
    failed = write_into_photos(found, options)
    for path, reason in failed:
        say(f"{path}: {reason}; not written")
    if failed:
        sys.exit(DataError.exit_code)


def write_into_photos(
    answers: Sequence[Mapping[str, Any]], options: TagOptions
) -> list[tuple[str, str]]:
    """Write positions and say on standard error what was written and what was not.

    Returns:
        Path and reason of the photos that could not be written.
    """
    from beenhere.tools.tag import write_positions

    done = write_positions(
        answers,
        exif=options.write_exif,
        xmp=options.write_xmp,
        overwrite=options.overwrite,
        guesses=options.guesses,
    )
    say(f"positions written into {count(len(done.files), 'file')}")
    if done.files:
        folders = dict.fromkeys(str(file.parent) for file in done.files)
        say(f"to bring them back: beenhere tag --undo {shlex.join(folders)}")
    for path, reason in done.kept[:NAMED]:
        say(f"{path}: {reason}; left as it is (--overwrite writes over it)")
    if len(done.kept) > NAMED:
        say(f"... and {len(done.kept) - NAMED:,} more that have a position, left as they are")
    if done.guesses:
        say(f"{count(done.guesses, 'guess', 'guesses')} not written (--guesses writes them too)")
    if done.unknown:
        say(f"{count(done.unknown, 'photo')} without a position to write")
    return done.failed


def _undo(places: Sequence[Path]) -> None:
    from beenhere.tools.tag import UNDO_FILE, undo

    wanted: dict[Path, set[str] | None] = {}
    for place in places:
        if place.is_dir():
            below = sorted(file.parent for file in place.rglob(UNDO_FILE))
            if not below:
                raise DataError(
                    f"{place}: no {UNDO_FILE} in it or below; nothing was written there"
                )
            wanted |= dict.fromkeys(below)
        else:
            photo = place.resolve()
            names = wanted.setdefault(photo.parent, set())
            if names is not None:
                names |= {photo.name, f"{photo.name}.xmp", f"{photo.stem}.xmp"}
            if not (photo.parent / UNDO_FILE).exists():
                raise DataError(f"{place}: there is no {UNDO_FILE} beside it; nothing was written")
    left = []
    for folder, names in wanted.items():
        done, refused = undo(folder, names)
        left += refused
        tell(f"{folder}: {count(len(done), 'file')} as before")
    for file, reason in left:
        say(f"{file} {reason}")
    if left:
        sys.exit(DataError.exit_code)
