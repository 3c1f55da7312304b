"""``beenhere model list``: a table that a person understands."""

from pathlib import Path

import pytest
from rich.console import Console

from beenhere.cli import model
from beenhere.models.published.catalogue import families, published_models


@pytest.mark.parametrize("width", [80, 120, 250])
def test_every_family_has_one_line(
    width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEENHERE_CACHE", str(tmp_path))
    for number in range(3):
        here = tmp_path / "models" / list(published_models())[5 + number]
        here.mkdir(parents=True)
        (here / "model.yaml").touch()
    monkeypatch.setattr(
        model, "console", lambda: Console(highlight=False, soft_wrap=True, width=width)
    )
    model.list_models()
    table, legend = capsys.readouterr().out.split("\n\n")
    assert max(map(len, [*table.splitlines(), *legend.splitlines()])) <= min(width, 100)
    heading, *rows = [" ".join(line.split()) for line in table.splitlines()]
    assert heading == "model network licence here numbers Pitts MSLS"
    offered = [each for each in families() if each.variants]
    assert len(rows) == 1 + len(offered)
    assert "megaloc DINOv2 ViT-B MIT/MIT fetch 8,448 ? 91.0" in rows  # not a reader's 93.5
    assert "mixvpr (3) ResNet-50 none/none asks 128-4,096 91.6 88.2" in rows
    assert "convap (4) ResNet-50 MIT/none by hand 512-8,192 90.5 83.5" in rows
    assert "fol (2) DINOv2 ViTs Apache/none fetch 8,448 93.9 93.1" in rows
    assert "eigenplaces (13) VGG, ResNets MIT/none 3 of 13 128-2,048 ? ?" in rows
    assert "(n) a family of n models: beenhere model list eigenplaces | cosplace" in " ".join(
        legend.split()
    )
    model.list_models("cosplace")
    shown = capsys.readouterr().out
    assert "cosplace-vgg16-512  VGG-16      MIT/none  fetch      512   88.5  79.5" in shown
    assert max(map(len, shown.splitlines())) <= min(width, 100)
