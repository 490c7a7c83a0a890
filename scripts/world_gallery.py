"""Draw docs/world.png: what the synthetic world looks like.

Run: python scripts/world_gallery.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sensorium_sims.world.captions import describe
from sensorium_sims.world.documents import KINDS, photograph, sample_page
from sensorium_sims.world.face import mouth_track, sample_identity, talk
from sensorium_sims.world.film import frames, soundtrack
from sensorium_sims.world.happenings import narrate
from sensorium_sims.world.pronunciation import sample_command
from sensorium_sims.world.questions import ask_any
from sensorium_sims.world.render import Picture, render
from sensorium_sims.world.sampling import SceneOptions, scenes
from sensorium_sims.world.speech import Speech

OUT = Path(__file__).parents[1] / "docs" / "world.png"
WIDTH, MARGIN, GAP = 1240, 24, 12
INK, PALE, PAPER = (32, 34, 40), (110, 114, 124), (255, 255, 255)
HUES = [(228, 70, 60), (60, 120, 220), (60, 170, 90), (240, 170, 40), (150, 80, 190)]


class Sheet:
    """A page that grows downwards."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH, height), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.y = MARGIN

    def heading(self, text: str) -> None:
        """A line above what follows."""
        self.draw.text((MARGIN, self.y), text, font=ImageFont.load_default(19), fill=INK)
        self.y += 32

    def row(self, pictures: list[np.ndarray], notes: list[str], height: int, lines: int) -> None:
        """Pictures side by side at one height, each with its note below."""
        sizes = [round(p.shape[1] * height / p.shape[0]) for p in pictures]
        gap = (WIDTH - 2 * MARGIN - sum(sizes)) / max(1, len(sizes) - 1)
        x = float(MARGIN)
        for picture, wide, note in zip(pictures, sizes, notes, strict=True):
            shown = Image.fromarray(picture).resize((wide, height), Image.Resampling.LANCZOS)
            self.image.paste(shown, (round(x), self.y))
            edge = (round(x), self.y, round(x) + wide - 1, self.y + height - 1)
            self.draw.rectangle(edge, outline=(214, 216, 220))
            for place, line in enumerate(wrapped(note, wide + min(gap, GAP) - 2)):
                at = (round(x), self.y + height + 5 + 16 * place)
                self.draw.text(at, line, font=ImageFont.load_default(12), fill=PALE)
            x += wide + gap
        self.y += height + 8 + 16 * lines + GAP


def wrapped(text: str, width: float) -> list[str]:
    """The text in lines no wider than ``width`` pixels."""
    font, lines, line = ImageFont.load_default(12), [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            line = word
        else:
            line = longer
    return [*lines, line]


def coloured_masks(picture: Picture) -> np.ndarray:
    """Each thing's mask in a colour of its own."""
    shown = np.full((*picture.ids.shape, 3), 235, np.uint8)
    for index in range(len(picture.scene.things)):
        shown[picture.mask(index)] = HUES[index % len(HUES)]
    return shown


def grey(values: np.ndarray) -> np.ndarray:
    """Small values light."""
    low, high = values.min(), values.max()
    return np.repeat(((high - values) / (high - low) * 235 + 10).astype(np.uint8)[..., None], 3, 2)


def boxed(picture: Picture) -> np.ndarray:
    """The picture with its boxes."""
    image = Image.fromarray(picture.image.copy())
    draw = ImageDraw.Draw(image)
    for index in range(len(picture.scene.things)):
        box = picture.box(index)
        if box:
            x0, y0, x1, y1 = box
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=HUES[index % 5], width=3)
    return np.array(image)


def waves(track: np.ndarray, width: int = 1192, height: int = 60) -> np.ndarray:
    """Left above right."""
    image = Image.new("RGB", (width, height), (246, 247, 250))
    draw = ImageDraw.Draw(image)
    peaks = np.abs(track[:, : track.shape[1] // width * width]).reshape(2, width, -1).max(2)
    for channel in (0, 1):
        middle, half = height * (1 + 2 * channel) // 4, height // 4 - 2
        for x, peak in enumerate(peaks[channel] / max(peaks.max(), 1e-6)):
            draw.line((x, middle - half * peak, x, middle + half * peak), fill=HUES[1 - channel])
    return np.array(image)


def voice(text: str) -> Speech:
    """hibari, when it is installed; else a hum as long as the words."""
    try:
        from sensorium_models.data.voices import hibari_voices

        return hibari_voices()["middle"](text)
    except ImportError:
        t = np.arange(16_000 * len(text) // 14) / 16_000
        return Speech((0.3 * np.sin(900 * t)).astype(np.float32), 16_000)


def main() -> None:
    """Draw it all and save it."""
    rng = np.random.default_rng(11)
    sheet = Sheet(2000)
    sheet.heading("Scenes, captions, questions")
    for split, first in (("train", 3), ("unseen", 1)):
        made = list(scenes(split, 6, SceneOptions(things=(1, 4)), start=first))
        notes = []
        for scene in made:
            question = ask_any(scene, rng)
            notes.append(f"{describe(scene, rng).text}. {question.text} {question.answer}")
        sheet.row([render(scene, 360).image for scene in made], notes, 184, 4)

    sheet.heading("Exact truth: picture, masks, boxes, depth, edges")
    things = SceneOptions(things=(4, 4), gap=-0.12)
    picture = render(next(scenes("train", 1, things, start=22)), 440)
    edges = np.repeat(255 - picture.edges[..., None], 3, 2)
    shown = [picture.image, coloured_masks(picture), boxed(picture), grey(picture.depth), edges]
    sheet.row(shown, [""] * 5, 222, 0)

    sheet.heading("Films with motion, occlusion and stereo sound")
    options = SceneOptions(things=(3, 3), seconds=4.0, moving=1.0, sounding=0.7, gap=0.0)
    film = next(scenes("train", 1, options, start=7))
    still = [shot.image for shot in list(frames(film, 300, 2.0))[:8]]
    sheet.row(still, [f"{index / 2:.1f} s" for index in range(8)], 142, 1)
    sheet.row([waves(soundtrack(film))], [narrate(film)], 60, 1)

    sheet.heading("Talking faces with a spoken command")
    shots, notes = [], []
    for _ in range(4):
        command = sample_command(rng)
        said = talk(command, voice, sample_identity(rng), rng, size=220)
        wide = mouth_track(said.speech.phones, len(said.frames), said.fps)[:, 0]
        places = sorted((int(wide.argmax()), int(wide[12:-12].argmin()) + 12))
        shots += [said.frames[i] for i in places]
        notes += [f"“{command}”"] + [""] * (len(places) - 1)
    sheet.row(shots[:8], notes[:8], 140, 2)

    sheet.heading(
        "Documents with words, regions, fields and tables; photographed, held-out templates"
    )
    pages = [sample_page(rng, kind) for kind in KINDS]
    photos = [photograph(sample_page(rng, kind, unseen=True), rng) for kind in ("invoice", "form")]
    taken = [page.image for page in pages] + [photo.image for photo in photos]
    sheet.row(taken, [page.kind for page in pages] + ["photograph"] * 2, 252, 1)

    page = sheet.image.crop((0, 0, WIDTH, sheet.y))
    palette = page.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
    done = page.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    done.save(OUT, optimize=True)
    print(f"{OUT.name}: {done.size[0]} x {done.size[1]}, {OUT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
