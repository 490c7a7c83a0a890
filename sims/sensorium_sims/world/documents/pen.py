"""Writing on a page while noting what was written where."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sensorium.errors import BadInput, MissingDependency
from sensorium_sims.world.documents.page import Box, Field, Page, Region, RegionKind, Table, Word
from sensorium_sims.world.libraries import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Align = Literal["left", "right", "centre"]
Ink = tuple[int, int, int]
FONTS: dict[str, tuple[str, str, str] | None] = {
    "aileron": None,  # the one within Pillow (CC0)
    "lato": ("font_lato", "Lato-Regular.ttf", "Lato-Bold.ttf"),
    "caladea": ("font_caladea", "Caladea-Regular.ttf", "Caladea-Bold.ttf"),
    "source-serif": (
        "font_source_serif_pro",
        "SourceSerifPro-Regular.ttf",
        "SourceSerifPro-Semibold.ttf",
    ),
}


@lru_cache(maxsize=256)
def font(family: str, size: int, bold: bool = False) -> Any:
    """A Pillow font; raises MissingDependency when its package is not installed."""
    if family not in FONTS:
        raise BadInput(f"no font {family!r}; there are: {', '.join(FONTS)}")
    source = FONTS[family]
    if source is None:
        return ImageFont.load_default(size)
    package, regular, strong = source
    try:
        path = files(package) / "files" / (strong if bold else regular)
    except ModuleNotFoundError as error:
        name = package.replace("_", "-")
        raise MissingDependency(f"the font {family}", name, f"Run: pip install {name}") from error
    return ImageFont.truetype(str(path), size)


@dataclass
class Pen:
    """A page under way. Sizes are in points of a page 600 wide; ``scale`` makes it larger."""

    family: str
    size: int = 13
    scale: float = 1.0
    width: int = 600
    height: int = 800
    ink: Ink = (24, 24, 28)
    paper: Ink = (255, 255, 255)
    words: list[Word] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    _lines: int = 0

    def __post_init__(self) -> None:
        side = (round(self.width * self.scale), round(self.height * self.scale))
        self._image = Image.new("RGB", side, self.paper)
        self._draw = ImageDraw.Draw(self._image)

    @contextmanager
    def region(self, kind: RegionKind) -> Iterator[None]:
        """What is written within belongs to one region, whose box is that of its words."""
        first, place = len(self.words), len(self.regions)
        self.regions.append(Region(kind, (0, 0, 0, 0)))
        yield
        boxes = [word.box for word in self.words[first:]]
        self.regions[place] = Region(kind, around(boxes) if boxes else (0, 0, 0, 0))

    def write(
        self, x: float, y: float, text: str, *, size: int | None = None, bold: bool = False,
        align: Align = "left", ink: Ink | None = None,
    ) -> tuple[int, ...]:  # fmt: skip
        """One line with its top at y; returns the places of its words."""
        if not self.regions:
            raise BadInput("open a region before writing")
        face = font(self.family, round((size or self.size) * self.scale), bold)
        left, top = x * self.scale, y * self.scale
        length = face.getlength(text)
        left -= {"left": 0, "right": length, "centre": length / 2}[align]
        space = face.getlength(" ")
        first = len(self.words)
        for part in text.split():
            self._draw.text((left, top), part, font=face, fill=ink or self.ink)
            x0, y0, x1, y1 = self._draw.textbbox((left, top), part, font=face)
            box = (int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1)))
            self.words.append(Word(part, box, self._lines, len(self.regions) - 1))
            left += face.getlength(part) + space
        self._lines += 1
        return tuple(range(first, len(self.words)))

    def length(self, text: str, size: int | None = None, bold: bool = False) -> float:
        """How wide a line would be."""
        face = font(self.family, round((size or self.size) * self.scale), bold)
        return float(face.getlength(text)) / self.scale

    def paragraph(
        self, x: float, y: float, width: float, text: str, *, size: int | None = None,
        leading: float = 1.45,
    ) -> float:  # fmt: skip
        """Wrapped text; returns the y below it."""
        size = size or self.size
        line = ""
        for word in text.split():
            if line and self.length(f"{line} {word}", size) > width:
                self.write(x, y, line, size=size)
                y += size * leading
                line = word
            else:
                line = f"{line} {word}".strip()
        self.write(x, y, line, size=size)
        return y + size * leading

    def pair(
        self, x: float, y: float, label: str, key: str, value: str, *, value_x: float | None = None,
        align: Align = "left", below: bool = False, bold_key: bool = False,
    ) -> None:  # fmt: skip
        """A key with its value beside it (at ``value_x``) or below it, noted as a field."""
        with self.region("field"):
            keys = self.write(x, y, key, bold=bold_key)
            beside = x + self.length(key + "  ", bold=bold_key) if value_x is None else value_x
            at = (x, y + self.size * 1.35) if below else (beside, y)
            values = self.write(*at, value, align="left" if below else align)
        self.fields.append(Field(label, key.rstrip(":"), value, keys, values))

    def line(self, x0: float, y0: float, x1: float, y1: float, *, thick: float = 1.0) -> None:
        """A ruled line."""
        points = [value * self.scale for value in (x0, y0, x1, y1)]
        self._draw.line(points, fill=(90, 90, 96), width=max(1, round(thick * self.scale)))

    def fill(self, x0: float, y0: float, x1: float, y1: float, rgb: Ink) -> None:
        """A filled box. Fill before writing on it."""
        self._draw.rectangle([value * self.scale for value in (x0, y0, x1, y1)], fill=rgb)

    def frame(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """An empty box."""
        points = [value * self.scale for value in (x0, y0, x1, y1)]
        self._draw.rectangle(points, outline=(90, 90, 96), width=max(1, round(self.scale)))

    def scaled(self, x0: float, y0: float, x1: float, y1: float) -> Box:
        """A box in pixels."""
        a, b, c, d = (round(value * self.scale) for value in (x0, y0, x1, y1))
        return a, b, c, d

    def done(self, kind: str, template: str) -> Page:
        """The page."""
        return Page(
            kind,
            template,
            np.array(self._image),
            tuple(self.words),
            tuple(self.regions),
            tuple(self.fields),
            tuple(self.tables),
        )


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds all of some."""
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )
