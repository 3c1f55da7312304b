"""From the folders that an archive happens to have to the folder of the set."""

import shutil
from pathlib import Path

_ASIDE = ".lifting"


def lift(root: Path, folder: Path) -> None:
    """Make a set's root, found somewhere below a folder, the folder itself.

    What the root holds moves up. What lies beside it on the way (a licence, say) moves up too,
    where no file of the set has its name.

    Args:
        root: the folder or one below it.
        folder: what has been unpacked.
    """
    if root == folder:
        return
    aside = folder / _ASIDE  # a set's folder may hold one of its own name
    levels = root.relative_to(folder).parts
    (folder / levels[0]).rename(aside)
    _move_up(aside.joinpath(*levels[1:]), folder)
    for depth in range(len(levels) - 1, 0, -1):
        _move_up(aside.joinpath(*levels[1:depth]), folder, levels[depth])
    shutil.rmtree(aside)


def _move_up(source: Path, folder: Path, but: str | None = None) -> None:
    for child in sorted(source.iterdir()):
        if child.name != but and not (folder / child.name).exists():
            child.rename(folder / child.name)
