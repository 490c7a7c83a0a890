from __future__ import annotations

import socket

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from sensorium.errors import BadInput, ModelError
from sensorium_models.vision.ocr import TextReader, with_margins


def written(lines: list[str], width: int = 420) -> np.ndarray:
    page = PIL.Image.new("RGB", (width, 30 + 50 * len(lines)), "white")
    pen, font = PIL.ImageDraw.Draw(page), PIL.ImageFont.load_default(size=28)
    for number, line in enumerate(lines):
        pen.text((20, 20 + 50 * number), line, fill="black", font=font)
    return np.asarray(page)


def test_strips_get_margins_and_pictures_none() -> None:
    picture = np.zeros((50, 60, 3), np.uint8)
    assert with_margins(picture) is picture
    strip = np.full((3, 1000, 3), 90, np.uint8)
    assert with_margins(strip).shape == (250, 1000, 3)
    assert (with_margins(strip) == 90).all()
    assert with_margins(strip[:, :1]).shape == (32, 32, 3)


def test_inferring_before_loading_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"load\(\)"):
        TextReader().infer([])


def test_text_is_read_line_by_line_without_a_word_or_a_connection(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the reader opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    lines = ["The quick brown fox", "opens at 9:45 today"]
    reader = TextReader()
    reader.load("cpu")
    photos = [written(lines), np.zeros((1, 1, 3), np.uint8)]
    page, dot = reader.infer([{"image": photo} for photo in photos])
    assert page["lines"] == lines
    assert min(page["scores"]) > 0.9
    assert page["boxes"].shape == (2, 4, 2)
    assert page["boxes"].dtype == np.float32
    assert page["boxes"][0, :, 1].max() < page["boxes"][1, :, 1].min() + 10
    assert (dot["lines"], dot["scores"], dot["boxes"].shape) == ([], [], (0, 4, 2))
    with pytest.raises(BadInput):
        reader.infer([{"image": photos[0].astype(np.float32)}])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
