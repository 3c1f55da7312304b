"""``beenhere data``: what sets of photos hold, what is wrong with them, and without what is."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.cli.output import check_output_file, form_of, output_file, tell, writing
from beenhere.cli.parameters import ADVANCED, Assignments, Distance, show_last, show_options
from beenhere.config.tools import CheckConfig
from beenhere.wording import count

CHANGES_A_SCORE = 1
"""The exit code where something was found that would change a score."""

_SHOWN = 3
"""Photos in no set that are named where not all are asked for."""

show_last(CheckConfig, but=("within", "pixels", "skip"))
show_options(CheckConfig, Parameter(negative_bool="no-"), "pixels")
show_options(CheckConfig, Parameter(negative_iterable=()), "skip")


def show(
    path: str,
    /,
    *,
    within: Distance | None = None,
    list_: Annotated[bool, Parameter(name="--list")] = False,
) -> None:
    """Photos, positions and dates in a folder or table; which files cannot be used, and why.

    The format is recognised: photos with positions in their names (GSV-XS, SF-XS and kin),
    GSV-Cities, photos with EXIF, a CSV or Parquet table; a folder with `database/` and `queries/`;
    a published set as it comes; or a folder with several of these.

    Args:
        path: a folder, a table, one photo, or tar shards: their folder or its URL.
        within: metres within which a database photo is a positive of a query [default: 25 m; of x
            and y 5; of frames 2].
        list_: name every file that cannot be used, not only a few.
    """
    from beenhere.config.training import EvaluationData
    from beenhere.photos.formats import find_sets, protocols_of, read_evaluation, read_photos
    from beenhere.report.photo_set import neighbours, photo_set_text, positives, shards_text
    from beenhere.training.shards import is_shards

    if is_shards(path):
        from beenhere.training.shards import Shards

        shards = Shards.open(path)
        _show(shards.store.name, shards_text(shards, list_))
        return
    below = find_sets(Path(path).expanduser())
    for number, found in enumerate(below.sets):
        if number:
            print()
        root = str(found.path if found.path.is_dir() else found.path.parent)
        if found.evaluation:
            tables = read_evaluation(EvaluationData(tree=found.path))
            _show(f"{root}, database", photo_set_text(tables.database, root, list_))
            _show(f"{root}, queries", photo_set_text(tables.queries, root, list_))
            print(positives(tables, within))
            if offered := protocols_of(found.path):
                tell(f"  protocols  {', '.join(offered)} (the first is shown)")
        else:
            table = read_photos(found.path)
            _show(str(found.path), photo_set_text(table, root, list_))
            if len(table) > 1 and table.frame["place"].is_null().all():  # places are for training
                print(neighbours(table, within))
    if below.loose:
        tell("", f"In no set: {len(below.loose):,}")
        for name, reason in below.loose if list_ else below.loose[:_SHOWN]:
            tell(f"  {name}: {reason}")


def _show(title: str, lines: list[str]) -> None:
    tell(title, *lines)


def check(
    path: Path,
    /,
    *,
    fix_list: Path | None = None,
    sheet: Path | None = None,
    json: bool = False,
    config: Annotated[CheckConfig, Parameter(name="*")] = CheckConfig(),
    set_: Annotated[Assignments, ADVANCED] = (),
) -> None:
    """Find what is wrong with a set of photos, or a folder of sets, and what it does to a score.

    Takes whatever `beenhere data show` does. Leakage between training and test shows where both
    lie below the folder. Exit code 1 when something would change a score, else 0.

    Args:
        path: a folder, a table, or one photo.
        fix_list: write a CSV file, a row for each photo to leave out or to mend; its paths are
            from its folder.
        sheet: draw the worst cases side by side, a .png or .jpg file.
        json: print the findings as JSON.
        config: from where on something counts.
        set_: an option by name, such as `within=10`; may be repeated.
    """
    from beenhere.config import config_yaml
    from beenhere.report.doctor_text import findings_text, findings_values, tally
    from beenhere.tools.doctor import chosen, examine, fixes, gather, read_fixes

    options = config_yaml.assign(config, set_)
    if fix_list is not None:
        check_output_file(fix_list, "a CSV file")
        form_of(fix_list, ["csv"], option="--fix-list")
    if sheet is not None:
        from beenhere.report.pictures import check_picture

        check_picture(sheet)
    collection = gather(path)
    findings = examine(collection, options)
    if json:
        from json import dumps

        print(dumps(findings_values(collection, findings), indent=2))
    else:
        tell(*findings_text(collection, findings, options.pixels))
    said = sys.stderr if json else sys.stdout
    if fix_list is not None:
        rows = fixes(findings, fix_list.parent)
        with output_file(fix_list) as new:
            rows.write_csv(new)
        tell("", f"{fix_list}: {tally(chosen(collection, read_fixes(fix_list)))}.", file=said)
        if rows.height:
            without_them = f"beenhere data leave-out {path} {fix_list} NEW"
            tell(f"To go on without them: {without_them}", file=said)
    if sheet is not None:
        from beenhere.report.doctor_sheet import draw_sheet, drawn

        shown = drawn(findings)
        if shown:
            with writing(sheet):
                draw_sheet(collection, shown, sheet)
        tell(f"{sheet}: the worst cases" if shown else "No sheet: nothing to draw.", file=said)
    sys.exit(CHANGES_A_SCORE if any(each.severity == "score" for each in findings) else 0)


def leave_out(path: Path, fix_list: Path, out: Path, /) -> None:
    """Write tables of the same sets without the photos on a fix list. No photo is touched.

    Args:
        path: the folder or table that was checked.
        fix_list: from `beenhere data check PATH --fix-list FILE`. Every photo is left out whose
            suggestion starts with `leave out`; all others stay, those to mend too. Delete the rows
            of photos that you want to keep.
        out: a new or empty folder, to be used in the place of the old one.
    """
    from beenhere.report.doctor_text import tally
    from beenhere.tools.doctor import gather, read_fixes, without

    done = without(gather(path), read_fixes(fix_list), out)
    for each in done.tables:
        tell(f"{out / each.folder}: {count(each.kept, 'photo')}, {each.left_out:,} left out")
    for folder, pairs in done.pairs.items():
        said = f"lists of what is right, {pairs:,} pairs left out"
        tell(f"{out / folder / 'ground_truth.csv'}: {said}")
    tell(f"Of {fix_list}: {tally(done.choice)}.")
