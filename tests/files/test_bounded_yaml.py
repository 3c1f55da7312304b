"""Any YAML text is read as PyYAML reads it, or is an error that says why."""

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from beenhere.files.bounded_yaml import _LOADER, DEEPEST, dump_yaml, load_yaml

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_was_written_comes_back(value: object) -> None:
    try:
        text = yaml.safe_dump(value, allow_unicode=True).encode()
    except UnicodeEncodeError:
        return
    assert load_yaml(text) == yaml.safe_load(text)


@given(st.text(alphabet="abx01-:.,[]{}&*<!\"'#|> \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = load_yaml(text)
    except yaml.YAMLError as error:
        assert str(error)
    else:
        assert repr(found) == repr(yaml.load(text, _LOADER))


def aliases(count: int) -> str:
    """A list that stands for 10 to the power of ``count`` values."""
    lines = ["a0: &a0 1"]
    lines += [f"a{at + 1}: &a{at + 1} [{','.join([f'*a{at}'] * 10)}]" for at in range(count)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 2001-99-99", "a value that is none"),
        ("a: 0x_", "a value that is none"),
        ("a: !!int ''", "a value that is none"),
        ("a: !!timestamp x", "a value that is none"),
        ("a: " + 5000 * "9", "a number of 5,000 characters, in line 1"),
        ("a: " + 5000 * "59:" + "0", "a number of 15,001 characters"),
        ("b: 1\na: " + 20_000 * "[", "within one another, in line 2"),
        (20_000 * "- ", "within one another"),
        (20_000 * "{a: ", "within one another"),
        ("a: &x [*x]", "&x holds itself"),
        (aliases(9), "values, in line"),
        ("a: &a {k: 1}\nb: &b\n  <<: [" + ",".join(["*a"] * 3_000_000) + "]", "values, in line"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
    ],
    ids=lambda text: text[:24],
)
def test_bombs_and_lies_are_refused_at_once(text: str, why: str) -> None:
    start = time.perf_counter()
    with pytest.raises(yaml.YAMLError, match=why) as found:
        load_yaml(text)
    assert time.perf_counter() - start < 30 and len(str(found.value)) < 500


def test_what_is_just_allowed() -> None:
    assert load_yaml("[" * DEEPEST + "]" * DEEPEST) is not None
    assert load_yaml("a: '" + 5000 * "9" + "'") == {"a": 5000 * "9"}
    assert len(load_yaml(aliases(4))["a4"]) == 10


def test_what_is_written_is_read_again_in_its_order() -> None:
    value = {
        "z": ["no", "1e3", "~", " a", "Zürich 🗼", "x: y", "\t\x85\n", ""],
        "a": {"1": 1e-9, "2": float("inf"), "3": None, "4": True, "5": [[], {}], "6": -(10**20)},
        "long": "word " * 100,
    }
    for style in ({}, {"width": 1000, "default_flow_style": None}, {"allow_unicode": False}):
        text = dump_yaml(value, **style)
        assert repr(load_yaml(text)) == repr(yaml.safe_load(text)) == repr(value)
    with pytest.raises(yaml.YAMLError, match="cannot represent"):
        dump_yaml({"a": Path()})
