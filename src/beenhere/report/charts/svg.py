"""Matplotlib's SVG as a part of a page: short, with the page's font and colours."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree as xml

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_GEOMETRY = ("d", "x", "y", "width", "height", "transform", "points")


def inline(text: str, key: str, title: str, description: str, colours: Mapping[str, str]) -> str:
    """Make a chart part of an HTML page.

    Ids that nothing refers to go, the others get ``key`` before them; coordinates keep a tenth of
    a pixel; the font becomes the page's.

    Args:
        text: as matplotlib writes it, with ``svg.fonttype: none``.
        key: unique on the page: letters, digits, ``-``.
        title, description: what a screen reader says of it.
        colours: by name of the CSS variable, the colour in ``text`` that it takes the place of.
    """
    # Control characters are no XML, and a file name may hold them.
    root = xml.fromstring(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text))
    used = {
        name
        for element in root.iter()
        for value in element.attrib.values()
        for name in re.findall(r"^#(.+)|url\(#(.+?)\)", value)
        for name in name
        if name
    }
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib.update(_attributes(element, used, key, colours))
    _prune(root)
    width, height = root.attrib["viewBox"].split()[2:]
    named = xml.Element("title", id=f"{key}-t"), xml.Element("desc", id=f"{key}-d")
    named[0].text, named[1].text = title, description
    root.attrib = {
        "class": "chart",
        "role": "img",
        "aria-labelledby": f"{key}-t {key}-d",
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
    }
    root[:0] = named
    return xml.tostring(root, encoding="unicode")


def _attributes(
    element: xml.Element, used: set[str], key: str, colours: Mapping[str, str]
) -> dict[str, str]:
    old = dict(element.attrib)
    element.attrib.clear()
    new = {}
    for name, value in old.items():
        if name == "id":
            if value in used:
                new["id"] = f"{key}-{value}"
        elif name == _LINK:
            new["href"] = f"#{key}-{value[1:]}"
        elif name == "clip-path":
            new[name] = value.replace("url(#", f"url(#{key}-")
        elif name == "style":
            new[name] = _style(value, colours)
        elif name in _GEOMETRY:
            if not value.startswith("rotate(-0 "):
                new[name] = " ".join(re.sub(r"-?\d+\.\d+", _tenth, value).split())
        else:
            new[name] = value
    return new


def _style(value: str, colours: Mapping[str, str]) -> str:
    rules = [rule.strip() for rule in value.split(";")]
    kept = ";".join(rule for rule in rules if not rule.startswith("font-family"))
    for name, colour in colours.items():
        kept = kept.replace(colour, f"var(--{name})")
    return kept


def _tenth(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _prune(element: xml.Element) -> None:
    """Drop metadata, style sheets, which would reach the whole page, and what draws nothing."""
    for child in list(element):
        _prune(child)
        empty = child.tag in ("g", "defs") and not len(child)
        if child.tag in ("metadata", "style") or empty:
            element.remove(child)
        elif child.tag == "g" and not child.attrib and len(child) == 1:
            element[list(element).index(child)] = child[0]
    element.tail = None
    if element.tag not in ("text", "tspan"):
        element.text = None
