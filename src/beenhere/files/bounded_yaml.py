"""YAML: what somebody else may have written is read within bounds, or refused in a line."""

import re
from typing import Any

import yaml

MOST_BYTES = 64 << 20
DEEPEST = 64
"""Lists and mappings within one another."""

MOST_VALUES = 2_000_000
"""With everything that aliases stand for: a few lines of them may stand for billions."""

LONGEST_NUMBER = 400

# Ten times as fast, where PyYAML has them; as safe.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NUMBER = re.compile(r"[-+0-9._:xXa-fA-F]+")


def dump_yaml(value: Any, **style: Any) -> str:
    """A value of YAML's own types as a text, with keys in their order.

    Args:
        value: lists and mappings of texts, numbers, dates.
        **style: arguments of ``yaml.dump``, such as ``width=1000``.

    Raises:
        yaml.YAMLError: of another type.
    """
    how = {"sort_keys": False, "allow_unicode": True, **style}
    return yaml.dump(value, None, _DUMPER, **how)  # type: ignore[no-any-return]


def load_yaml(text: bytes | str) -> Any:
    """The value of a YAML text, of YAML's own types.

    Raises:
        yaml.YAMLError: it is none, or larger, deeper or longer in its numbers than any that is
            needed; the message says where.
    """
    if len(text) > MOST_BYTES:
        raise yaml.YAMLError(f"it has {len(text):,} bytes; expected {MOST_BYTES:,} at most")
    try:
        _check_events(text)
        return yaml.load(text, _LOADER)
    except yaml.YAMLError:
        raise
    # What Python's own types say to a date or number that is none, by the dozen kinds of errors.
    except Exception as error:
        raise yaml.YAMLError(f"a value that is none ({str(error)[:100]})") from error


def _check_events(text: bytes | str) -> None:
    """Look at what there is before any of it is made."""
    values = 0
    began: list[tuple[str | None, int]] = []  # name and first value of lists and mappings
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, _LOADER):
        anchor = getattr(event, "anchor", None)
        if isinstance(event, yaml.AliasEvent):
            if any(name == anchor for name, _ in began):
                raise _error(f"&{anchor} holds itself", event)
            values += sizes.get(anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            began.append((anchor, values))
            values += 1
            if len(began) > DEEPEST:
                raise _error(f"more than {DEEPEST} lists or mappings within one another", event)
        elif isinstance(event, yaml.CollectionEndEvent):
            name, first = began.pop()
            if name is not None:
                sizes[name] = values - first
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if anchor is not None:
                sizes[anchor] = 1
            # Quoted and without a tag it is a text, whatever it looks like.
            maybe = len(event.value) > LONGEST_NUMBER and not event.implicit[1]
            if maybe and _NUMBER.fullmatch(event.value):
                raise _error(f"a number of {len(event.value):,} characters", event)
        if values > MOST_VALUES:
            raise _error(f"more than {MOST_VALUES:,} values", event)


def _error(what: str, event: Any) -> yaml.YAMLError:
    return yaml.YAMLError(f"{what}, in line {event.start_mark.line + 1}")
