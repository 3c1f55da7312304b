"""Training configurations that ship with the package, to be named instead of a file."""

import difflib
from pathlib import Path

from beenhere.errors import ConfigError

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Of the configurations that ship."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def packaged(name: str) -> Path:
    """The YAML file of a configuration that ships.

    Raises:
        ConfigError: there is none of this name; says which there are.
    """
    if name in names():
        return _FOLDER / f"{name}.yaml"
    near = difflib.get_close_matches(name, names(), n=1)
    hint = f"did you mean {near[0]!r}? There are" if near else "expected a YAML file, or one of"
    raise ConfigError(f"there is no configuration {name!r}; {hint} {', '.join(names())}")
