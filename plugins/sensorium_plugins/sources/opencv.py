"""OpenCV as the sources use it: imported late, and quiet."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sensorium.errors import MissingDependency
from sensorium_plugins.sources.pictures import Limits, Pixels


def quiet_cv2() -> Any:
    """Import OpenCV, with its own and FFmpeg's chatter on standard error turned off.

    Failures are reported as our errors instead. Raises :class:`MissingDependency`.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    try:
        import cv2
    except ImportError as error:
        remedy = "Run: pip install 'sensorium[vision]'"
        raise MissingDependency("camera", "OpenCV", remedy) from error
    if os.environ["OPENCV_LOG_LEVEL"] == "SILENT":
        logging = cv2.utils.logging
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # somebody else may have imported it first
    return cv2


def to_rgb(bgr: Any, limits: Limits) -> Pixels:
    """OpenCV's (H, W, 3) BGR as RGB, shrunk so that no side is over ``limits.max_side``."""
    cv2 = quiet_cv2()
    height, width = bgr.shape[:2]
    scale = limits.max_side / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
