"""What a person sees of shards: written by one command, shown by another."""

import re
import shutil
from pathlib import Path

import pytest
from town import write_town

from beenhere.cli.data import show
from beenhere.cli.data_make import convert
from beenhere.config.training import ShardsConfig
from beenhere.errors import ConfigError, DataError


def test_shards_are_written_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    town = write_town(tmp_path / "town", places=3)
    train, out = town / "train", tmp_path / "shards"
    next(train.rglob("*.jpg")).write_bytes(b"")
    convert(train, str(out), to="shards")
    shown = capsys.readouterr().out
    assert "11 photos of 3 places in 1 shard" in shown
    assert f"Have a look: beenhere data show {out}\n" in shown
    for path in (out, out / "shards.yaml"):
        show(str(path))
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == str(out)
        assert lines[1].startswith("  format     tar shards, by beenhere ")
        assert re.fullmatch(r"  files      1 shard, \d\d\.\d kB", lines[2])
        assert lines[3] == "  photos     11, all with a position"
        assert lines[4] == "  places     3, 3 to 4 photos each, median 4"
        assert lines[5] == "  cities     2: Bray 7, Aston 4"
        assert "  pixels     64 x 64 (width x height)" in lines
        assert "  left out   1 file" in lines
        assert "    empty file (0 bytes) (1)" in lines


def test_the_options_of_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = write_town(tmp_path / "town", places=3) / "train"
    convert(train, str(tmp_path / "shards"), to="shards", shards=ShardsConfig(seed=7))
    assert "seed: 7\n" in (tmp_path / "shards/shards.yaml").read_text()
    with pytest.raises(ConfigError, match=r"--shards\.\* goes with --to shards; got --to utm"):
        convert(train, str(tmp_path / "utm"), to="utm", shards=ShardsConfig(seed=7))
    with pytest.raises(DataError, match="is a URL, and only shards are written to one"):
        convert(train, "s3://bucket/town", to="csv")


def test_the_training_set_is_named_where_it_is_not_alone(tmp_path: Path) -> None:
    town = write_town(tmp_path / "town", places=3)
    with pytest.raises(DataError, match=rf"and this is none; name {town / 'train'}$"):
        convert(town, str(tmp_path / "shards"), to="shards")
    (town / "train").rename(town / "early")
    shutil.copytree(town / "early", town / "late")
    both = f"{town / 'early'}, {town / 'late'}"
    with pytest.raises(DataError, match=f"and this is none; name one of {both}$"):
        convert(town, str(tmp_path / "shards"), to="shards")
