"""The doctor's findings in words: a short table, then each with examples; or as plain values."""

from collections.abc import Sequence
from typing import Any

from beenhere.tools.doctor import Choice, Finding, PhotoCollection
from beenhere.wording import count

_EXAMPLES = 3
_JSON_EXAMPLES = 20


def findings_text(
    collection: PhotoCollection, findings: Sequence[Finding], looked: bool
) -> list[str]:
    """The lines of ``beenhere data check``.

    Args:
        looked: whether photos were opened.
    """
    opened = "" if looked else "; no photo was opened"
    lines = [f"{collection.root}: {size_text(collection)}{opened}"]
    if not findings:
        return [*lines, "Nothing found."]
    # The long texts last: a narrow terminal breaks lines at their end.
    lines += ["", "  how many  changes a score  what"]
    for finding in findings:
        changes = "yes" if finding.severity == "score" else "no"
        lines.append(f"  {len(finding):>8,}  {changes:<15}  {finding.kind.title}")
    lines += ["", verdict(findings)]
    for finding in findings:
        lines += ["", *_details(collection, finding)]
    return lines


def verdict(findings: Sequence[Finding]) -> str:
    """One sentence: how many kinds of fault would change a score."""
    bad = sum(finding.severity == "score" for finding in findings)
    rest = len(findings) - bad
    if not bad:
        return f"Nothing that would change a score; {count(rest, 'thing')} worth knowing."
    known = f"; {rest} more {'is' if rest == 1 else 'are'} worth knowing" if rest else ""
    return f"{count(bad, 'kind')} of fault would change a score{known}."


def findings_values(collection: PhotoCollection, findings: Sequence[Finding]) -> dict[str, Any]:
    """The same as plain values, with up to 20 examples of each."""
    return {
        "path": str(collection.root),
        "parts": [
            {"name": part.name, "split": part.split, "photos": len(part.table)}
            for part in collection.parts
        ],
        "changes_a_score": any(finding.severity == "score" for finding in findings),
        "findings": [
            {
                "kind": finding.name,
                "title": finding.kind.title,
                "severity": finding.severity,
                "count": len(finding),
                "parts": _by_part(collection, finding),
                "summary": finding.summary,
                "meaning": finding.kind.meaning,
                "remedy": finding.kind.remedy,
                "examples": finding.cases.head(_JSON_EXAMPLES)
                .select("path", "other", "detail", "suggestion")
                .to_dicts(),
            }
            for finding in findings
        ],
    }


def tally(choice: Choice) -> str:
    """The length of a fix list, such as ``"4 photos to leave out, 1 to mend"``."""
    leave, mend = count(int(choice.leave.sum()), "photo"), int(choice.mend.sum())
    more = f"; {choice.unusable:,} more could not be used anyway" if choice.unusable else ""
    return f"{leave} to leave out, {mend:,} to mend{more}"


def below(collection: PhotoCollection, path: str) -> str:
    """A path as a person wants to read it: from the root of what was checked."""
    return path.removeprefix(f"{collection.root}/")


def size_text(collection: PhotoCollection) -> str:
    """Such as ``"144 photos in 4 sets"``."""
    folders = len({part.folder for part in collection.parts})
    return f"{count(len(collection), 'photo')} in {count(folders, 'set')}"


def _details(collection: PhotoCollection, finding: Finding) -> list[str]:
    kind = finding.kind
    title = kind.title[:1].upper() + kind.title[1:]
    lines = [f"{title}: {len(finding):,} ({finding.name})"]
    parts = _by_part(collection, finding)
    if parts and len(collection.parts) > 1:
        lines.append("  where: " + ", ".join(f"{name} {many:,}" for name, many in parts.items()))
    if finding.summary:
        lines.append(f"  extent: {finding.summary}")
    lines += [f"  means: {kind.meaning}", f"  to do: {kind.remedy}"]
    for case in finding.cases.head(_EXAMPLES).iter_rows(named=True):
        lines.append(f"    {below(collection, case['path'])}")
        other = f": {below(collection, case['other'])}" if case["other"] else ""
        lines.append(f"      {case['detail']}{other}")
    more = len(finding) - _EXAMPLES
    if more > 0:
        lines.append(f"    ... and {more:,} more")
    return lines


def _by_part(collection: PhotoCollection, finding: Finding) -> dict[str, int]:
    """Cases by the name of their part, in the collection's order."""
    counts = dict(finding.cases.group_by("part").len().iter_rows())
    return {
        part.name: counts[number]
        for number, part in enumerate(collection.parts)
        if number in counts
    }
