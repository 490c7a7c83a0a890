"""Build the demo scene from its sources: run ``python scripts/build_scene.py``.

Pictures come from the scikit-image wheel (pinned, checked), the human command from Debian's
pocketsphinx-testdata, the spoken questions from the project's own text-to-speech. NOTICE names
authors and licences. ``desk.mp4`` is a camera move over a wall of five photographs: the content is
real, the movement is computed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import soundfile

from sensorium_models.speech.tts import TTS_SAMPLE_RATE, TextToSpeech

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path(__file__).parents[1] / "agents" / "sensorium_agents" / "scene"
WHEEL = "scikit-image==0.26.0"
SPEECH = "pocketsphinx-testdata=0.8+5prealpha+1-15"
COMMAND = "usr/share/pocketsphinx/test/data/goforward.raw"
SHA256 = {
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "page.png": "341a6f0a61557662b02734a9b6e56ec33a915b2c41886b97509dedf2a43b47a3",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    COMMAND: "f15c60ec54059d8b66e410d0064945a0b0a04ea56e1ddca1958e493c0cf70e71",
}
QUESTIONS = {
    "what-is-in-this-picture": "What is in this picture?",
    "what-do-you-see": "What do you see?",
    "how-many-people": "How many people are there?",
    "what-does-the-page-say": "What does the page say?",
}
WALL = ("coffee.png", "chelsea.png", "camera.png", "astronaut.png", "page.png")
RATE = 16_000
HEIGHT, MARGIN, SECONDS, FPS = 480, 60, 8, 15
VIEW = (1066, 600)  # what the camera sees of the wall, 16:9
SIZE = (640, 360)


def pictures(folder: Path) -> dict[str, NDArray[np.uint8]]:
    """The five photographs as BGR arrays (H, W, 3)."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(folder), WHEEL]
    subprocess.run(command, check=True)
    found = {}
    with zipfile.ZipFile(next(folder.glob("scikit_image-*.whl"))) as wheel:
        for name in WALL:
            data = checked(name, wheel.read(f"skimage/data/{name}"))
            found[name] = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return found


def checked(name: str, data: bytes) -> bytes:
    """``data`` when it has the hash written down above."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256[name]:
        raise SystemExit(f"{name} has sha256 {digest}, expected {SHA256[name]}")
    return data


def wall(photos: dict[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The photographs side by side at one height on a grey wall."""
    hung: list[NDArray[np.uint8]] = []
    for name in WALL:
        photo = photos[name]
        width = round(photo.shape[1] * HEIGHT / photo.shape[0])
        scaled = cv2.resize(photo, (width, HEIGHT), interpolation=cv2.INTER_AREA)
        grey = (200, 200, 200)
        hung.append(
            cv2.copyMakeBorder(scaled, MARGIN, MARGIN, 30, 30, cv2.BORDER_CONSTANT, value=grey)
        )
    return np.hstack(hung)


def film(surface: NDArray[np.uint8], file: Path) -> None:
    """Move the camera from the left end of ``surface`` to the right, slow at both ends."""
    frames = SECONDS * FPS
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "26", "preset": "slow"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            way = 0.5 - 0.5 * np.cos(np.pi * index / (frames - 1))
            left = way * (surface.shape[1] - VIEW[0])
            centre = (left + VIEW[0] / 2, surface.shape[0] / 2)
            seen = cv2.resize(
                cv2.getRectSubPix(surface, VIEW, centre), SIZE, interpolation=cv2.INTER_AREA
            )
            frame = av.VideoFrame.from_ndarray(seen, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def questions() -> None:
    """Say the questions and write them at 16 kHz with 0.3 s of silence around them."""
    voice = TextToSpeech()
    voice.load("cpu")
    quiet = np.zeros(RATE * 3 // 10, np.float32)
    for name, text in QUESTIONS.items():
        audio = resampled(voice.infer([{"text": text}])[0]["audio"])
        padded = np.concatenate([quiet, audio, quiet])
        soundfile.write(HERE / f"{name}.flac", padded, RATE, subtype="PCM_16")


def resampled(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """``audio`` (T,) from the voice's rate to 16 kHz."""
    frame = av.AudioFrame.from_ndarray(audio[None], "flt", "mono")
    frame.sample_rate = TTS_SAMPLE_RATE
    resampler = av.AudioResampler("flt", "mono", RATE)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([part.to_ndarray()[0] for part in parts])


def command(folder: Path) -> None:
    """The human command, from raw 16-bit samples at 16 kHz."""
    subprocess.run(["apt-get", "download", SPEECH], cwd=folder, check=True)
    archive = next(folder.glob("pocketsphinx-testdata_*.deb"))
    subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    samples = np.frombuffer(checked(COMMAND, (folder / COMMAND).read_bytes()), "<i2")
    soundfile.write(HERE / "go-forward.flac", samples, RATE, subtype="PCM_16")


def main() -> None:
    """Write every file of the scene."""
    with tempfile.TemporaryDirectory() as temporary:
        photos = pictures(Path(temporary))
        command(Path(temporary))
    cv2.imwrite(str(HERE / "cat.jpg"), photos["chelsea.png"], [cv2.IMWRITE_JPEG_QUALITY, 92])
    cv2.imwrite(str(HERE / "page.png"), cv2.cvtColor(photos["page.png"], cv2.COLOR_BGR2GRAY))
    film(wall(photos), HERE / "desk.mp4")
    questions()


if __name__ == "__main__":
    main()
