"""Whatever is written on a page can be read: every pair of colours, by day and by night."""

import re

import pytest

from service.domain.files import templates_folder

READ_ON = [
    ("ink", "ground"),
    ("ink", "card"),
    ("soft", "ground"),
    ("soft", "card"),
    ("accent", "ground"),
    ("accent", "card"),
    ("accent", "accent-ground"),
    ("on-accent", "accent"),
    ("on-emergency", "emergency"),
    *[(level, f"{level}-ground") for level in ("emergency", "urgent", "routine", "ok")],
    *[("ink", f"{level}-ground") for level in ("emergency", "urgent", "routine", "ok")],
    ("ok", "card"),
]
SEEN_ON = [("edge", "ground"), ("edge", "card")]
"""Borders of what can be pressed or filled in."""


def themes() -> dict[str, dict[str, str]]:
    style = (templates_folder() / "static" / "aftercare.css").read_text()
    day, night = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", part)) for part in (day, night)]
    return {"day": colours[0], "night": colours[0] | colours[1]}


def brightness(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((brightness(one), brightness(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize(("text", "ground"), READ_ON)
def test_words_stand_out_from_their_ground(theme, text, ground):
    colours = themes()[theme]

    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["day", "night"])
@pytest.mark.parametrize(("edge", "ground"), SEEN_ON)
def test_what_can_be_pressed_has_an_edge_that_is_seen(theme, edge, ground):
    colours = themes()[theme]

    assert contrast(colours[edge], colours[ground]) >= 3
