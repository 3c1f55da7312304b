"""Whether a file is the one that was published, or at least the one that came the first time."""

import hashlib
from datetime import date
from pathlib import Path

import yaml

from beenhere.errors import DataError
from beenhere.progress import progress

_CHUNK = 1 << 20


def checksum(file: Path, algorithm: str = "sha256") -> str:
    """Such as ``"sha256:9f86..."``; shows progress.

    Args:
        file: to read.
        algorithm: ``"sha256"`` or ``"md5"``.
    """
    # MD5 guards against what went wrong on the way, and is all that some publishers give.
    digest = hashlib.new(algorithm, usedforsecurity=False)
    total = -(-file.stat().st_size // _CHUNK)
    with file.open("rb") as opened, progress(f"checking {file.name}, MiB", total) as advance:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
            advance(1)
    return f"{algorithm}:{digest.hexdigest()}"


class FirstUse:
    """What the files of one set were when they came the first time.

    They stand in ``.checksums/NAME.yaml`` in the folder of all sets, where they outlive the set
    itself: fetched again, it has to be the same.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / ".checksums" / f"{name}.yaml"

    def check(self, name: str, found: str) -> None:
        """See that a file is the one that came the first time, if it did.

        Raises:
            DataError: it is another.
        """
        first = self._read().get(name)
        if first is not None and first["checksum"] != found:
            raise DataError(
                f"{name} is not the file that came on {first['date']}: its checksum is {found}, "
                f"was {first['checksum']}. Scores on the two may differ. To take the new one, "
                f"delete {self.file}"
            )

    def record(self, found: dict[str, str]) -> None:
        """Remember files by their names; those already known stay as they are."""
        new = {
            name: {"checksum": text, "date": date.today().isoformat()}
            for name, text in found.items()
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        written = self.file.with_name(f".new-{self.file.name}")
        written.write_text(yaml.safe_dump(new | self._read()), encoding="utf-8")
        written.replace(self.file)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found = yaml.safe_load(self.file.read_text(encoding="utf-8"))
            return {
                name: {key: str(each[key]) for key in ("checksum", "date")}
                for name, each in found.items()
            }
        except FileNotFoundError:
            return {}
        except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.file} cannot be read; mend it, or delete it: the files that come next "
                "are then taken as they are"
            ) from error
