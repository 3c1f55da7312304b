"""``beenhere calibrate``: fit the confidence of an index's answers, and say how good it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from beenhere.cli.output import few, tally, tell
from beenhere.cli.parameters import ADVANCED, Assignments, Parts, Wait, show_last, show_options
from beenhere.config.evaluation import CalibrateConfig
from beenhere.config.own_parts import name_parts
from beenhere.config.retrieval import LocateConfig

if TYPE_CHECKING:
    from beenhere.evaluation.calibration.calibration_queries import QueryEvidence

# The command's own --queries, a folder, has the name; there is no telling the two apart.
show_options(CalibrateConfig, Parameter(show=False), "queries")
show_last(CalibrateConfig, but=("within", "outside_share", "outside_accepted", "least_probability"))


def calibrate(
    index: Path,
    /,
    *,
    queries: Path | None = None,
    outside: Path | None = None,
    verify: Annotated[bool, Parameter(negative_bool="no-")] = True,
    plot: Path | None = None,
    json: bool = False,
    config: Annotated[CalibrateConfig, Parameter(name="*")] = CalibrateConfig(),
    wait: Annotated[Wait, ADVANCED] = 0,
    set_: Annotated[Assignments, ADVANCED] = (),
    parts: Parts = (),
) -> None:
    """Fit how sure an index's answers are, on photos of which the place is known.

    A place is a position, x and y, a frame number or a name, whichever the index has first
    (`--set by=place` for another).

    Figures are of queries that were held out, street by street. The index keeps the calibration
    and uses it in `beenhere locate`.

    Args:
        index: folder of the index.
        queries: 10 or more photos of which the place is known, taken on other days than the map
            (those that are photos of the index themselves are left out); without them photos of
            the index are the queries, a weaker test.
        outside: photos from elsewhere, of places that the index does not have.
        verify: calibrate answers by verified matches too, which `locate` then gives; takes some
            tenths of a second a query.
        plot: a `.png` to draw the reliability diagram and precision against recall in; of verified
            matches a second one, `NAME-verified.png`.
        json: print the figures as JSON.
        config: which photos to hide, how to hold out, how often to be wrong.
        wait: seconds to wait for another process that writes the index.
        set_: an option of `locate` by name, such as `matches=50`; `locate` then uses it too.
    """
    from beenhere.config import config_yaml
    from beenhere.retrieval.index import Index

    name_parts(parts)
    locate = config_yaml.assign(LocateConfig(), set_)
    opened = Index.open(index)  # before what takes seconds to import
    from beenhere.evaluation.calibration.calibrate_index import calibrate_index
    from beenhere.report.calibration_report import (
        CHART_SUFFIXES,
        calibration_text,
        draw_calibration,
    )
    from beenhere.report.pictures import check_picture

    charts = {} if plot is None else {"plain": plot}
    if plot is not None and verify:
        charts["verified"] = plot.with_name(f"{plot.stem}-verified{plot.suffix}")
    for chart in charts.values():
        check_picture(chart, CHART_SUFFIXES)
    found = calibrate_index(opened, queries, outside, verify, config, locate, wait)
    for way, chart in charts.items():
        draw_calibration(found.calibrations[way], chart)
    if json:
        from json import dumps

        print(dumps(found.values(), indent=1, ensure_ascii=False))
        return
    for way, calibration in found.calibrations.items():
        tell(f"{index}, {'matches verified' if way == 'verified' else 'matches by similarity'}")
        print(_asked(found.asked[way]))
        print(calibration_text(calibration))
    for chart in charts.values():
        tell(f"drawn: {chart}")


def _asked(asked: "QueryEvidence") -> str:
    near = asked.labelled.reference.within(asked.labelled.within)
    kinds = {
        "with their place hidden": asked.hidden,
        f"without a photo of the index {near}": asked.unmatched,
        "from elsewhere": asked.given_outside,
    }
    line = f"  outside the map: {tally(kinds) or 'none'}"
    return f"{line}\n  left out: {few(asked.left_out)}" if asked.left_out else line
