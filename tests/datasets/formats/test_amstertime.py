from pathlib import Path

import published_sets
import pytest

from beenhere.config import EvaluationData
from beenhere.datasets.formats import read_evaluation
from beenhere.datasets.formats.amstertime import amstertime_protocols, is_amstertime
from beenhere.errors import ConfigError


def _read(folder: Path):
    return read_evaluation(EvaluationData(tree=folder))


def test_pairs_are_the_truth(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path / "amstertime", pairs=12)
    found = _read(tmp_path / "amstertime")
    assert found.name == "amstertime-test"
    assert found.truth.listed
    assert {Path(path).parent.name for path in found.database.paths} == {"new"}
    assert {Path(path).parent.name for path in found.queries.paths} == {"old"}
    for query, rows in zip(found.queries.paths, found.truth.positives(None), strict=True):
        assert [Path(found.database.paths[row]).stem for row in rows] == [Path(query).stem]
    with pytest.raises(ConfigError, match="25 m does not apply"):
        found.truth.positives(25)


def test_one_without_its_partner_moves_no_other(tmp_path: Path) -> None:
    published_sets.amstertime(tmp_path, pairs=4)
    (tmp_path / "new" / "0001.png").unlink()
    found = _read(tmp_path)
    assert [rows.tolist() for rows in found.truth.positives(None)] == [[0], [], [1], [2]]


def test_other_folders_called_new_and_old_are_a_persons_own(tmp_path: Path) -> None:
    published_sets.put(tmp_path / "new", "holiday.jpg")
    published_sets.put(tmp_path / "old", "holiday.jpg")
    assert not is_amstertime(tmp_path)
    assert amstertime_protocols(tmp_path) == []
    (tmp_path / "new" / "holiday.jpg").unlink()
    assert not is_amstertime(tmp_path)
