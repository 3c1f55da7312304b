"""``beenhere data list``: a table that a person understands, and all about one set."""

from pathlib import Path

import pytest
from rich.console import Console

from beenhere.cli import data_sets
from beenhere.errors import ConfigError
from beenhere.photos.catalog import named_sets

Lines = list[str]


def _listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int, to: Path
) -> Lines:
    monkeypatch.setattr(
        data_sets, "console", lambda: Console(highlight=False, soft_wrap=True, width=width)
    )
    data_sets.list_sets(to=to)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [80, 160, 250])
def test_every_set_has_one_line(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msls/train_val").mkdir(parents=True)
    (tmp_path / "sf_xs").mkdir()
    lines = _listed(capsys, monkeypatch, width, tmp_path)
    assert max(map(len, lines[1:15])) <= width
    heads = lines[0].split("  ")
    assert [head.strip() for head in heads if head.strip()][:7] == [
        "set", "what for", "photos", "on disk", "commercial use", "how", "here",
    ]  # fmt: skip
    rows = {line.split()[0]: " ".join(line.split()) for line in lines[1:15]}
    assert list(rows) == [one.name for one in named_sets()]
    assert rows["gsv_xs"].startswith("gsv_xs train 524,701 ? no fetch -")
    assert rows["msls"].startswith("msls train val ~1,600,000 ~56 GB no by hand yes")
    assert rows["sf_xs"].startswith("sf_xs val test 44,199 5 GB not known fetch -")
    assert ("CC BY-NC-ND" in rows["gsv_cities"]) == (width >= 150)
    assert all("…" not in row for row in rows.values())


@pytest.mark.parametrize("name", [one.name for one in named_sets()])
def test_all_about_a_set(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_sets.list_sets(name.upper(), to=tmp_path)
    text = capsys.readouterr().out
    running = [line for line in text.splitlines() if str(tmp_path) not in line]
    assert max(map(len, running)) <= 100
    flat = " ".join(text.split())
    entry = next(one for one in named_sets() if one.name == name)
    for part in (entry.about, entry.licence, entry.paper, entry.steps):
        assert " ".join(part.split()) in flat
    for protocol, fact in entry.protocols.items():
        assert f"  {protocol}: database " in text
        assert " ".join(fact.about.split()) in flat
    assert f"no ({tmp_path / name})" in flat


def test_the_command_of_each_protocol_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def commands(name: str) -> Lines:
        data_sets.list_sets(name)
        lines = capsys.readouterr().out.splitlines()
        return [line.split("MODEL ")[1] for line in lines if "beenhere eval" in line]

    assert commands("msls") == ["--data data/msls", "--data data/msls --protocol val-747"]
    assert commands("sf_xs") == ["--data data/sf_xs/test", "--data data/sf_xs/val"]
    assert commands("tokyo_xs") == ["--data data/tokyo_xs/test"]
    assert commands("svox")[:2] == ["--data data/svox", "--data data/svox --protocol night"]
    assert commands("amstertime") == ["--data data/amstertime"]
    assert commands("gsv_xs") == []


def test_an_unknown_set() -> None:
    with pytest.raises(ConfigError, match="did you mean nordland"):
        data_sets.list_sets("nordlnd")
