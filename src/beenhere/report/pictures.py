"""The look of pictures, and the names of their files.

Nothing here imports torch, so that a map of mere metadata is drawn without waiting for it.
"""

from pathlib import Path

from PIL import Image

from beenhere.errors import DataError

INK, QUIET, PAPER, EMPTY = "#1A1A1A", "#5F5F5F", "#FFFFFF", "#EDEDED"
GROUND, RULE = "#F6F5F2", "#D9D9D9"

# Colours that colour-blind people can tell apart (Okabe and Ito, 2008); a shape or a mark always
# says the same.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#D55E00", "#009E73", "#CC3311", "#767676"

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Ends of the names of pictures, in lower case."""


def is_picture(path: Path) -> bool:
    """Whether a name is one of a picture, of a kind that is drawn here or of another."""
    return path.suffix.lower() in {".svg", *Image.registered_extensions()}


def check_picture(
    path: Path, suffixes: tuple[str, ...] = SUFFIXES, makes_folder: bool = False
) -> None:
    """See that a picture can be written there, before the work of minutes goes into it.

    Args:
        makes_folder: whether its folder is made with it, and need not be there.

    Raises:
        DataError: another kind of file, a folder, or a folder that is not there.
    """
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{path} ends in {path.suffix!r}; expected {', '.join(suffixes)}")
    if path.is_dir():
        raise DataError(f"{path}: is a folder; expected the name of a picture")
    if not makes_folder and not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}; make it first")
