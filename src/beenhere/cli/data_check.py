"""``beenhere data check`` and ``beenhere data leave-out``: what is wrong with a set of photos."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from beenhere.config import CheckConfig

CHANGES_A_SCORE = 1
"""The exit code where something was found that would change a score."""


def check(
    path: Path,
    /,
    *,
    fix_list: Path | None = None,
    sheet: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    config: Annotated[CheckConfig, Parameter(name="*")] = CheckConfig(),
    set_: Annotated[list[str], Parameter(name="--set", negative="", show_default=False)] = [],  # noqa: B006
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
        set_: an option by name, such as `radius=10`; may be repeated.
    """
    from beenhere import config_yaml
    from beenhere.cli.output import replacing
    from beenhere.datasets.doctor import chosen, examine, fixes, gather, read_fixes
    from beenhere.report.doctor_text import findings_text, findings_values, tally

    options = config_yaml.assign(config, set_)
    _check_targets(fix_list, sheet)
    collection = gather(path)
    findings = examine(collection, options)
    if json:
        from json import dumps

        print(dumps(findings_values(collection, findings), indent=2))
    else:
        print(*findings_text(collection, findings, options.pixels), sep="\n")
    said = sys.stderr if json else sys.stdout
    if fix_list is not None:
        rows = fixes(findings, fix_list.parent)
        with replacing(fix_list) as new:
            rows.write_csv(new)
        choice = chosen(collection, read_fixes(fix_list))
        print(f"\n{fix_list}: {tally(choice)}.", file=said)
        if rows.height:
            print(
                f"To go on without them: beenhere data leave-out {path} {fix_list} NEW", file=said
            )
    if sheet is not None:
        from beenhere.report.doctor_sheet import draw_sheet, drawn

        shown = drawn(findings)
        if shown:
            with replacing(sheet) as new:
                draw_sheet(collection, shown, new)
        print(f"{sheet}: the worst cases" if shown else "No sheet: nothing to draw.", file=said)
    sys.exit(CHANGES_A_SCORE if any(each.severity == "score" for each in findings) else 0)


def leave_out(path: Path, fix_list: Path, out: Path, /) -> None:
    """Write tables of the same sets without the photos on a fix list. No photo is touched.

    Args:
        path: what was checked.
        fix_list: from `beenhere data check PATH --fix-list FILE`. Every photo is left out whose
            suggestion starts with `leave out`; all others stay, those to mend too. Delete the rows
            of photos that you want to keep.
        out: a new or empty folder, to be used in the place of the old one.
    """
    from beenhere.datasets.doctor import gather, read_fixes, without
    from beenhere.report.doctor_text import tally

    done = without(gather(path), read_fixes(fix_list), out)
    for each in done.tables:
        print(f"{out / each.folder}: {_photos(each.kept)}, {each.left_out:,} left out")
    for folder, pairs in done.pairs.items():
        said = f"lists of what is right, {pairs:,} pairs left out"
        print(f"{out / folder / 'ground_truth.csv'}: {said}")
    print(f"Of {fix_list}: {tally(done.choice)}.")


def _check_targets(fix_list: Path | None, sheet: Path | None) -> None:
    """See that both can be written before the work of an hour goes into them."""
    from beenhere.errors import DataError

    if fix_list is not None:
        if fix_list.is_dir():
            raise DataError(f"{fix_list}: is a folder; expected the name of a CSV file")
        if not fix_list.parent.is_dir():
            raise DataError(f"{fix_list}: there is no folder {fix_list.parent}; make it first")
    if sheet is not None:
        from beenhere.report.pictures import check_picture

        check_picture(sheet)


def _photos(number: int) -> str:
    from beenhere.wording import count

    return count(number, "photo")
