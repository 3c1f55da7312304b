"""Renders a planned city into the trees and file names of GSV-XS, SF-XS and Tokyo-XS."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import simplejpeg
import yaml

from beenhere import __version__
from beenhere.city.city_plan import CityPlan, EvaluationSet, Roll, plan_city
from beenhere.city.render import render_view
from beenhere.city.scene import Scene
from beenhere.city.street import Street
from beenhere.config.tools import CityConfig
from beenhere.devices import cores, leave_with_parent
from beenhere.errors import DataError
from beenhere.files.atomic import BESIDE, write_file
from beenhere.files.bounded_yaml import load_yaml
from beenhere.files.regular import read_regular
from beenhere.progress import progress

RECORD = "city.yaml"
"""Written last: its presence says that a city is complete."""
UNFINISHED = "city.unfinished.yaml"
"""Stands beside the photos while they are being written, with the options they follow."""
CONDITIONS = "conditions.csv"


@dataclass(frozen=True)
class CityFolder:
    """A written city.

    Attributes:
        gsv_xs, sf_xs, tokyo_xs: roots of the three sets.
        places: training places. photos: all photos.
    """

    root: Path
    gsv_xs: Path
    sf_xs: Path
    tokyo_xs: Path
    places: int
    photos: int


def write_city(out: Path, options: CityConfig, what: str | None = None) -> CityFolder:
    """Render a city into ``out``; the same options give the same bytes, whatever the workers.

    Photos that are already there are kept, so that an interrupted run goes on where it was. A
    finished folder is left as it is.

    Args:
        out: a new or empty folder, or one that this function wrote with the same options.
        what: what the progress bar says; None: be silent.

    Raises:
        DataError: ``out`` holds a city of other options, or files that are not ours.
    """
    plan = plan_city(options)
    paths = [shot.path for roll in plan.rolls for shot in roll.shots]
    sets = out / "gsv_xs", out / "sf_xs", out / "tokyo_xs"
    folder = CityFolder(out, *sets, len(plan.training), len(paths))
    record = _record(options, plan)
    if _check(out, record, plan) and all((out / path).is_file() for path in paths):
        return folder
    out.mkdir(parents=True, exist_ok=True)
    write_file(out / UNFINISHED, yaml.safe_dump(record, sort_keys=False).encode())
    _render(out, plan, options, what)
    for each in plan.evaluation:
        write_file(out / each.folder / CONDITIONS, _conditions(each))
    (out / UNFINISHED).replace(out / RECORD)
    return folder


def _record(options: CityConfig, plan: CityPlan) -> dict[str, Any]:
    """All that decides the bytes of a city (the number of workers does not), and its counts."""
    counts = {"training": sum(len(roll.shots) for roll in plan.training)}
    for each in plan.evaluation:
        counts[str(each.folder)] = sum(len(roll.shots) for roll in each.rolls)
    return {
        "made_by": f"beenhere {__version__}",
        "what": "synthetic streets; no real place is shown",
        "options": options.model_dump(exclude={"workers"}),
        "places": len(plan.training),
        "photos": counts,
    }


def _check(out: Path, record: dict[str, Any], plan: CityPlan) -> bool:
    """Whether ``out`` is finished; raises where nothing may be written."""
    if not out.exists():
        return False
    if not out.is_dir():
        raise DataError(f"{out} is a file; expected a folder to write the city to")
    found = next((name for name in (RECORD, UNFINISHED) if (out / name).is_file()), None)
    if found:
        try:
            theirs = load_yaml(read_regular(out / found))
        except yaml.YAMLError as error:
            raise DataError(
                f"{out / found} is damaged; expected the record of a city; delete the folder "
                "and write it again"
            ) from error
        if theirs != record:
            raise DataError(
                f"{out} holds a city with other options ({_difference(theirs, record)}); "
                "choose another folder or delete this one"
            )
        if found == RECORD:
            return True
    ours = {PurePosixPath(RECORD), PurePosixPath(UNFINISHED)}
    ours |= {shot.path for roll in plan.rolls for shot in roll.shots}
    ours |= {each.folder / CONDITIONS for each in plan.evaluation}
    for path in (path.relative_to(out) for path in out.rglob("*") if not path.is_dir()):
        # What a killed write left behind is ours, too.
        if PurePosixPath(path.with_name(path.name.removeprefix(BESIDE))) not in ours or not found:
            raise DataError(
                f"{out} holds {path}, which is not part of this city; choose a new or empty folder"
            )
    return False


def _difference(theirs: Any, ours: dict[str, Any]) -> str:
    before = theirs.get("options", {}) if isinstance(theirs, dict) else {}
    for name, value in ours["options"].items():
        if before.get(name) != value:
            return f"{name} is {before.get(name)}, asked for {value}"
    return "made by another version"


def _render(out: Path, plan: CityPlan, options: CityConfig, what: str | None) -> None:
    """Render every photo that is not there yet."""
    rolls = []
    for roll in plan.rolls:
        shots = tuple(shot for shot in roll.shots if not (out / shot.path).is_file())
        if shots:
            rolls.append(Roll(roll.site, shots))
    for folder in {(out / shot.path).parent for roll in rolls for shot in roll.shots}:
        folder.mkdir(parents=True, exist_ok=True)
    # Long rolls first, so that no worker is left alone with one at the end.
    rolls.sort(key=lambda roll: -len(roll.shots))
    total = sum(len(roll.shots) for roll in rolls)
    with progress(what, total) if what else nullcontext(lambda steps: None) as advance:
        workers = min(options.workers or cores(), len(rolls))
        if workers <= 1:
            for roll in rolls:
                advance(_take(out, roll, options.size))
            return
        # Spawned, not forked: the caller may have torch's threads running.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, leave_with_parent) as pool:
            jobs = [pool.submit(_take, out, roll, options.size) for roll in rolls]
            try:
                for job in as_completed(jobs):
                    advance(job.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _take(out: Path, roll: Roll, size: int) -> int:
    """Render and store the photos of one street; returns how many."""
    site = roll.site
    scene = Scene(Street(site.city.style, site.seed, site.length, site.bearing))
    for shot in roll.shots:
        image = render_view(scene, shot.camera, shot.moment, shot.lens, size, site.south)
        jpeg = simplejpeg.encode_jpeg(image, quality=shot.lens.quality, colorsubsampling="420")
        write_file(out / shot.path, jpeg)
    return len(roll.shots)


def _conditions(each: EvaluationSet) -> str:
    rows = sorted(
        f"{shot.path.relative_to(each.folder)},{shot.moment.condition}\n"
        for roll in each.rolls
        for shot in roll.shots
    )
    return "".join(["path,condition\n", *rows])  # no path has a comma or a quote
