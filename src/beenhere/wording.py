"""Numbers, sizes and errors as people read them, one way in every command and page."""

import difflib
import math
import re
from collections.abc import Iterable


def percent(value: float) -> str:
    """One decimal, such as ``"32.8"``."""
    return f"{value:.1f}"


def as_published(value: float) -> str:
    """A percent with its own digits and at least one decimal, such as ``"47.61"``, ``"41.0"``."""
    return str(float(value))


def signed(value: float) -> str:
    """A difference with its sign (minus, no hyphen), such as ``"+2.0"``; none for ``"0.0"``."""
    text = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
    return "0.0" if text[1:] == "0.0" else text


def interval(low: float, high: float) -> str:
    """Ends of an interval in percent, such as ``"[29.9, 35.8]"``."""
    return f"[{low:.1f}, {high:.1f}]"


def p_value(value: float) -> str:
    """Such as ``"0.031"``; ``"<0.001"`` below that."""
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def duration(seconds: float) -> str:
    """Such as ``"45 s"``, ``"12 min"``, ``"3.5 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def metres(value: float) -> str:
    """Such as ``"8.1 m"``, ``"240 m"``, ``"1.3 km"``."""
    if value >= 1000:
        return f"{value / 1000:.1f} km"
    return f"{value:.0f} m" if value >= 100 else f"{value:.1f} m"


def whole_metres(value: float) -> str:
    """Such as ``"8 m"``, ``"1.3 km"``, ``"9,564 km"``: a distance that is known roughly."""
    if value >= 100_000:
        return f"{value / 1000:,.0f} km"
    return f"{value / 1000:.1f} km" if value >= 1000 else f"{value:.0f} m"


def round_below(value: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(times * power for times in (1, 2, 5) if times * power <= value)


def option(value: object) -> str:
    """The value of an option: no quotes, no trailing zeros, short exponents."""
    if isinstance(value, float) and value and not 1e-3 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)))
        return f"{value / 10.0**power:.6g}e{power}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)


def short_name(dotted: str) -> str:
    """Of an option: ``"lr"`` for ``"optimizer.lr"``, ``"loss"`` for ``"loss.name"``."""
    return dotted.removesuffix(".name").rpartition(".")[2]


def count(number: int, one: str, many: str = "") -> str:
    """Such as ``"1 row"``, ``"12 rows"``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def file_size(bytes: int) -> str:
    """Such as ``"12.3 GB"``; powers of 1000, as disks are sold."""
    size = float(bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def did_you_mean(got: str, choices: Iterable[str]) -> str:
    """``"did you mean 'lr'? "``, to begin a hint; empty where no choice is near to what was got."""
    named = {choice.lstrip("-"): choice for choice in choices}  # all options begin alike
    near = difflib.get_close_matches(got.lstrip("-"), named, n=1, cutoff=0.5)  # as rl is to lr
    return f"did you mean {named[near[0]]!r}? " if near else ""


# C0 and C1 controls, line and paragraph separators, what turns the direction of writing around, and
# halves of characters, by which Python stands for bytes that are no UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, but: str = "") -> str:
    """A text that does nothing to a terminal: its control characters become such as ``\\u001b``.

    JSON reads these as the characters that they stand for.

    Args:
        but: control characters that stay.
    """
    return _UNPRINTABLE.sub(lambda c: c[0] if c[0] in but else f"\\u{ord(c[0]):04x}", text)


def one_line(error: BaseException | str, most: int | None = 200) -> str:
    """The text of an error, or its kind where it has none, in one line of so many characters.

    Characters that would steer a terminal are escaped: the text may be somebody else's.
    """
    return printable(" ".join(str(error).split()) or type(error).__name__)[:most]


def shortened(text: str, most: int = 100) -> str:
    """A text that somebody else wrote, in one line of so many characters, for a message."""
    line = " ".join(text[: 4 * most].split())
    short = len(line) <= most and len(text) <= 4 * most
    return printable(line if short else f"{line[: most - 3]}...")
