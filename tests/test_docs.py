"""Every block of code in the README and in docs/ runs, in order, in a folder as the text says.

The folder holds ``city/`` (a small demo city), ``photos/`` (its pictures with EXIF positions, as a
phone writes them) and ``unknown/`` (two without). A block after a comment ``<!-- not run: REASON
-->`` is passed over; blocks of other languages (``console``: what a person sees) are not code.

Commands and programs are forks of a process that has imported torch already, which saves minutes.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from beenhere.config.tools import CityConfig

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n+)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_CODE = {"console", "text", "csv"}


def blocks(page: Path) -> list[tuple[str, str]]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, code) for skip, language, code in found if not skip]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from beenhere.city import write_city

    folder = tmp_path_factory.mktemp("docs")
    small = CityConfig(
        cities=1, places=10, images_per_place=4, database=12, queries=6, size=96, workers=1
    )
    write_city(folder / "city", small)
    photos = folder / "photos"
    photos.mkdir()
    for number, source in enumerate(sorted((folder / "city/sf_xs/val/database").glob("*.jpg"))):
        _with_gps(source, photos / f"IMG_{number:04d}.jpg")
    (folder / "unknown").mkdir()
    queries = sorted((folder / "city/sf_xs/val/queries").glob("*.jpg"))
    for number, source in enumerate(queries[:2]):
        shutil.copy(source, folder / "unknown" / f"{number}.jpg")
    return folder


def _with_gps(source: Path, target: Path) -> None:
    lat, lon = (float(field) for field in source.name.split("@")[5:7])
    image = Image.open(source)
    exif = image.getexif()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N" if lat >= 0 else "S", (abs(lat), 0.0, 0.0)
    gps[3], gps[4] = "E" if lon >= 0 else "W", (abs(lon), 0.0, 0.0)
    image.save(target, exif=exif, quality=95)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs(
    page: Path, city: Path, warm_python: Path, tmp_path: Path
) -> None:
    for name in ("city", "photos", "unknown"):
        shutil.copytree(city / name, tmp_path / name)
    environment = os.environ | {"PATH": f"{warm_python}{os.pathsep}{os.environ['PATH']}"}
    for language, code in blocks(page):
        if language in NOT_CODE:
            continue
        # A block whose first line names a file is that file.
        name = code.splitlines()[0].removeprefix("# ").strip()
        if language == "yaml" or (language == "python" and name.endswith(".py")):
            assert name.endswith((".yaml", ".py")), (
                f"{page.name}: a YAML block must start with its file name"
            )
            (tmp_path / name).write_text(code, encoding="utf-8")
            continue
        command = {
            "bash": ["bash", "-euo", "pipefail", "-c", code],
            "python": [str(warm_python / "python"), "-c", code],
        }[language]
        run = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{page.name}:\n{code}\n{run.stdout}\n{run.stderr}"
        assert "Traceback" not in run.stderr


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"
