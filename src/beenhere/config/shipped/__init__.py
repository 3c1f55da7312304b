"""Training configurations that ship with the package, to be named instead of a file."""

from pathlib import Path

from beenhere.errors import ConfigError
from beenhere.wording import did_you_mean

_FOLDER = Path(__file__).parent


def abouts() -> dict[str, str]:
    """Each configuration that ships, by name: the first line of its file, which is a comment."""
    found = {}
    for path in sorted(_FOLDER.glob("*.yaml"), key=lambda path: path.stem):
        with path.open(encoding="utf-8") as file:
            found[path.stem] = file.readline().strip("# .\n")
    return found


def packaged(name: str) -> Path:
    """The YAML file of a configuration that ships.

    Raises:
        ConfigError: there is none of this name; says which there are.
    """
    names = list(abouts())
    if name not in names:
        raise ConfigError(
            f"there is no configuration {name!r}; {did_you_mean(name, names)}expected a YAML "
            f"file, or one of {', '.join(names)}"
        )
    return _FOLDER / f"{name}.yaml"
