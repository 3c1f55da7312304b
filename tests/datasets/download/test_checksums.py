"""Checksums, and what is remembered of the first time."""

from hashlib import md5, sha256
from pathlib import Path

import pytest

from beenhere.datasets.download.checksums import FirstUse, checksum
from beenhere.errors import DataError


def test_checksum(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    assert checksum(tmp_path / "a") == f"sha256:{sha256(data).hexdigest()}"
    assert checksum(tmp_path / "a", "md5") == f"md5:{md5(data).hexdigest()}"


def test_the_first_time_counts(tmp_path: Path) -> None:
    first = FirstUse(tmp_path, "town")
    first.check("a.zip", "sha256:1")  # nothing is known yet
    first.record({"a.zip": "sha256:1"})
    first.record({"a.zip": "sha256:2", "b.zip": "sha256:3"})
    again = FirstUse(tmp_path, "town")
    again.check("a.zip", "sha256:1")
    again.check("b.zip", "sha256:3")
    with pytest.raises(DataError, match="its checksum is sha256:2, was sha256:1"):
        again.check("a.zip", "sha256:2")
    FirstUse(tmp_path, "city").check("a.zip", "sha256:2")  # another set


@pytest.mark.parametrize("text", ["[", "a.zip", "a.zip: sha256:1", "a.zip: {checksum: x}", ""])
def test_a_record_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    first = FirstUse(tmp_path, "town")
    first.file.parent.mkdir()
    first.file.write_text(text)
    with pytest.raises(DataError, match=r"town\.yaml cannot be read; mend it, or delete it"):
        first.check("a.zip", "sha256:1")
