"""Keep a calibration in an index: plain values, fitted by what stands above."""

from pathlib import Path
from typing import Any

import yaml

from beenhere.errors import DataError
from beenhere.retrieval.index.change import changing
from beenhere.retrieval.index.manifest import KeptCalibration


def keep_calibration(folder: Path, values: dict[str, Any] | None, wait: float = 0) -> None:
    """Replace the calibration of an index.

    Args:
        folder: of the index.
        values: that YAML can hold; None forgets the one that is there.
        wait: seconds to wait for another writer.

    Raises:
        DataError: values that YAML cannot hold; no index, a damaged one, another process writes
            it, or it cannot be written.
    """
    try:
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    except yaml.representer.RepresenterError as error:
        raise DataError(
            f"a calibration holds {error.args[-1]!r}; expected numbers, texts, lists and mappings"
        ) from error
    with changing(folder, wait) as change:
        if values is None:
            change.commit_calibration(None)
            return
        path = change.new_part("calibration.yaml")
        path.write_text(text, encoding="utf-8")
        part = change.sealed(path)
        change.commit_calibration(KeptCalibration(photos=change.manifest.photos, part=part))
