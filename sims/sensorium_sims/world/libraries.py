"""The libraries the world draws with, or a clear word on what is missing."""

from __future__ import annotations

from sensorium.errors import MissingDependency

try:
    import cv2
    from PIL import Image, ImageDraw, ImageFont
except ModuleNotFoundError as error:
    raise MissingDependency(
        "the synthetic world", error.name or "opencv", 'Run: pip install "sensorium[vision]"'
    ) from error

__all__ = ["Image", "ImageDraw", "ImageFont", "cv2"]
