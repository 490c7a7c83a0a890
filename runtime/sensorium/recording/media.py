"""Pictures and sound in the form that viewers know: Foxglove's schemas.

A picture is a ``foxglove.RawImage`` (encoding rgb8) or a ``foxglove.CompressedImage`` (jpeg or
png), sound a ``foxglove.RawAudio``: ``pcm-s16`` where that holds every sample exactly, else
``pcm-f32`` (little-endian float32), which viewers do not know but no sample is lost.
"""

from __future__ import annotations

import io
from typing import Any, Literal

import msgspec
import numpy as np
import pybase64
from numpy.typing import NDArray

from sensorium.errors import MissingDependency, PayloadError
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads.arrays import array_from_buffer, read_only
from sensorium.payloads.media import Audio, Image

ImageForm = Literal["raw", "png", "jpeg"]
MAX_PIXELS = 1 << 28
_DATA_MARK = b'"data":"'
_S16 = np.float32(32768)
_encode = msgspec.json.encode

Part = bytes | memoryview


def image_message(event: AnyEvent, form: ImageForm, quality: int) -> list[Part]:
    """The members of the JSON object for an Image, but for the closing brace."""
    data = event.payload.data
    head = _head(event)
    if form == "raw":
        height, width, _ = data.shape
        size = f'"width":{width},"height":{height},"encoding":"rgb8","step":{3 * width}'.encode()
        flat = np.ascontiguousarray(data).reshape(-1).data
        return [head, size, b',"data":"', pybase64.b64encode(flat), b'"']
    packed = pybase64.b64encode(compress(data, form, quality))
    return [head, b'"format":"', form.encode(), b'","data":"', packed, b'"']


def audio_message(event: AnyEvent) -> list[Part]:
    """The members of the JSON object for Audio, but for the closing brace."""
    audio: Audio = event.payload
    form, data = pcm(audio.samples)
    rate = f'"format":"{form}","sample_rate":{audio.sample_rate},"number_of_channels":1'.encode()
    return [_head(event), rate, b',"data":"', pybase64.b64encode(data), b'"']


def read_image(values: dict[str, Any]) -> Image:
    """The Image of a RawImage or CompressedImage. Raises :class:`PayloadError`."""
    data = _data(values)
    if "format" in values:
        return Image(decompress(data))
    width, height = values.get("width"), values.get("height")
    if values.get("encoding") != "rgb8":
        raise PayloadError(f"encoding {values.get('encoding')!r:.40} is not rgb8")
    try:
        return Image(array_from_buffer("uint8", [height, width, 3], data))  # type: ignore[list-item]
    except ValueError as error:
        raise PayloadError(str(error)) from error


def read_audio(values: dict[str, Any]) -> Audio:
    """The Audio of a RawAudio. Raises :class:`PayloadError`."""
    data, form, rate = _data(values), values.get("format"), values.get("sample_rate")
    if type(rate) is not int or values.get("number_of_channels") != 1:
        raise PayloadError("RawAudio of one channel with a sample rate is wanted")
    try:
        if form == "pcm-s16":
            samples = np.frombuffer(data, "<i2").astype(np.float32) / _S16
        elif form == "pcm-f32":
            samples = np.frombuffer(data, "<f4").astype(np.float32, copy=False)
        else:
            raise PayloadError(f"audio format {form!r:.40} is neither pcm-s16 nor pcm-f32")
    except ValueError as error:
        raise PayloadError(str(error)) from error
    return Audio(read_only(samples), rate)


def pcm(samples: NDArray[Any]) -> tuple[str, bytes]:
    """Samples as 16 bits where that loses nothing, to the sign of zero, else as float32."""
    with np.errstate(invalid="ignore", over="ignore"):  # NaN, what is too loud: compared below
        whole = np.clip(samples * _S16, -32768, 32767).astype("<i2")
    back = whole.astype(np.float32) / _S16
    if np.array_equal(back.view(np.uint32), samples.view(np.uint32)):
        return "pcm-s16", whole.tobytes()
    return "pcm-f32", samples.astype("<f4", copy=False).tobytes()


def compress(data: NDArray[Any], form: ImageForm, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG or JPEG file."""
    packed = io.BytesIO()
    options = {"quality": quality} if form == "jpeg" else {"compress_level": 1}
    pillow().fromarray(np.ascontiguousarray(data)).save(packed, form, **options)
    return packed.getvalue()


def decompress(data: bytes) -> NDArray[Any]:
    """(H, W, 3) uint8 RGB of a PNG or JPEG file. Raises :class:`PayloadError`."""
    try:
        with pillow().open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise PayloadError(f"a picture of {picture.size} is over the limit")
            return read_only(np.asarray(picture.convert("RGB")))
    except (PayloadError, MissingDependency):
        raise
    except Exception as error:
        raise PayloadError(f"not a PNG or JPEG: {error}") from error


def pillow() -> Any:
    """PIL.Image. Raises :class:`MissingDependency`."""
    try:
        import PIL.Image
    except ImportError:
        raise MissingDependency(
            "recording compressed images", "Pillow", "pip install 'sensorium[vision]'"
        ) from None
    return PIL.Image


def _head(event: AnyEvent) -> bytes:
    seconds, nanoseconds = divmod(event.originating_time, NS_PER_S)
    stamp = f'"timestamp":{{"sec":{seconds},"nsec":{nanoseconds}}},"frame_id":'.encode()
    return stamp + _encode(event.source) + b","


def cut_out(message: bytes) -> tuple[bytes, bytes | None]:
    """The message without the text of its data, and that text: a JSON reader would go through it
    letter by letter. Within a string of JSON the mark cannot stand: its quotes would be escaped.

    Text with a backslash in it is left to the JSON reader, and so are messages with several such
    texts. Whether it was the message's own, and not that of an object within, shows when the rest
    is read: its data is then empty.
    """
    start = message.find(_DATA_MARK) + len(_DATA_MARK)
    end = message.find(b'"', start)
    if start < len(_DATA_MARK) or end < 0:
        return message, None
    if message.find(b"\\", start, end) >= 0 or message.find(_DATA_MARK, end) >= 0:
        return message, None
    return message[:start] + message[end:], message[start:end]


def _data(values: dict[str, Any]) -> bytes:
    text = values.get("data")
    if not isinstance(text, str | bytes):
        raise PayloadError("there is no data")
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError as error:
        raise PayloadError(f"data is not base64: {error}") from error


def _object(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


_TIME = {
    "type": "object",
    "title": "time",
    "properties": {
        "sec": {"type": "integer"},
        "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    },
    "required": ["sec", "nsec"],
}
_DATA = {"type": "string", "contentEncoding": "base64"}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
SCHEMAS = {
    "foxglove.RawImage": _object(
        "foxglove.RawImage",
        {"timestamp": _TIME, "frame_id": _TEXT, "width": _COUNT, "height": _COUNT,
         "encoding": _TEXT, "step": _COUNT, "data": _DATA},
    ),
    "foxglove.CompressedImage": _object(
        "foxglove.CompressedImage",
        {"timestamp": _TIME, "frame_id": _TEXT, "format": _TEXT, "data": _DATA},
    ),
    "foxglove.RawAudio": _object(
        "foxglove.RawAudio",
        {"timestamp": _TIME, "format": _TEXT, "sample_rate": _COUNT,
         "number_of_channels": _COUNT, "data": _DATA},
    ),
}  # fmt: skip
"""The well-known schemas, by name."""
