"""Documents as an executor hosts them: a page in; its parts, tables and answers out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sensorium.errors import BadInput, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.documents.checkpoint import NAME, bundled, load
from sensorium_models.store.fingerprint import weights_of
from sensorium_models.vision.images import image_of
from sensorium_models.vision.ocr import NAME as READER
from sensorium_models.vision.ocr import TextReader, TextReaderOptions

if TYPE_CHECKING:
    from sensorium_models.documents.reader import Reading
    from sensorium_models.documents.rectify import Flat
    from sensorium_models.documents.tagging import Tagger

FEWEST = 3
"""Words: what has fewer is no page, and no question about it is answered."""


class DocumentRequest(TypedDict, total=False):
    """A page and what is asked of it."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB: a scan or a photograph."""
    questions: list[str]


class DocumentResult(TypedDict):
    """All boxes are x0, y0, x1, y1 in pixels of the picture that was given."""

    text: str
    """All words in reading order, a block a line."""
    words: list[dict[str, Any]]
    """``text``, ``box``, ``score`` (of the text reader), ``label``, in reading order."""
    regions: list[dict[str, Any]]
    """``kind``, ``box``, ``score``, ``text``, in reading order."""
    fields: list[dict[str, Any]]
    """``label``, ``key``, ``value``, ``box`` (of the value, or else of the key),
    ``score``."""
    tables: list[dict[str, Any]]
    """``box``, ``html`` and ``rows``: the texts, "" where a cell is empty or reaches over."""
    answers: list[dict[str, Any] | None]
    """One a question: ``text``, ``box``, ``score``, ``source``; None where the page has none."""


class DocumentOptions(ModelOptions):
    """Options of :class:`Documents`."""

    weights: str = ""
    """A folder in the format of ``transformers.LayoutLMv3ForTokenClassification``, or a hub id; the
    bundled one, which knows invoices and forms of the synthetic world, if left out."""
    local_only: bool = True
    """Never touch the network. Turn off to let a hub id be fetched."""
    flatten: bool = True
    """Find the page in a photograph and take its turn and tilt out first."""
    min_score: float = Field(0.5, ge=0, le=1)
    """Lines that the text reader is less sure of are left out."""
    threads: int = Field(1, ge=1)
    """Of the text reader."""


class Documents(Model[DocumentRequest, DocumentResult]):
    """Reads pages. Takes some seconds a page: most of it is the text reader's."""

    Options = DocumentOptions
    _tagger: Tagger | None = None
    _reader: TextReader

    @classmethod
    def weights(cls, options: DocumentOptions) -> dict[str, str]:
        """The sha256 of the text reader's files and of a local checkpoint's."""
        path = Path(options.weights).expanduser() if options.weights else bundled()
        return weights_of(READER) | (weights_of(path) if path.exists() else {})

    def load(self, device: str) -> None:
        """Bring both networks in; raises ModelUnavailable for what is no such checkpoint."""
        checkpoint = load(self.options.weights, local_only=self.options.local_only)
        from sensorium_models.documents.tagging import Tagger

        options = TextReaderOptions(min_score=self.options.min_score, threads=self.options.threads)
        self._reader = TextReader(options)
        self._reader.load("cpu")
        self._tagger = Tagger(checkpoint, device)

    def warm_up(self) -> None:
        """Have the text reader open its networks."""
        self._reader.warm_up()

    def infer(self, batch: Sequence[DocumentRequest]) -> list[DocumentResult]:
        """Read each page by itself. A picture without text has empty lists, and no answers.

        Raises BadInput for what is no picture, and for questions that are no texts.
        """
        if self._tagger is None:
            raise ModelError(NAME, "call load() before infer()")
        return [self._read(request) for request in batch]

    def unload(self) -> None:
        """Let go of the networks."""
        if self._tagger is not None:
            self._reader.unload()
        self._tagger = None

    def _read(self, request: DocumentRequest) -> DocumentResult:
        from sensorium_models.documents.reader import read_page
        from sensorium_models.documents.rectify import Flat, flatten
        from sensorium_models.documents.words import words_of

        assert self._tagger is not None
        image = image_of(request)
        questions = request.get("questions") or []
        if not all(isinstance(question, str) for question in questions):
            raise BadInput("questions about a document are a list of texts")
        flat = flatten(image) if self.options.flatten else Flat(image, np.eye(3), False)
        if min(image.shape[:2]) < 8:  # nothing can be read in so few pixels
            reading = read_page(self._tagger, [], (1, 1))
        else:
            (lines,) = self._reader.infer([{"image": flat.image}])
            words = words_of(lines["lines"], lines["scores"], lines["boxes"])
            height, width = flat.image.shape[:2]
            reading = read_page(self._tagger, words, (width, height), flat.image)
        return result_of(reading, flat, questions)


def result_of(reading: Reading, flat: Flat, questions: Sequence[str]) -> DocumentResult:
    """A reading as plain values, its boxes where they are in the picture."""
    from sensorium_models.documents.answers import answer
    from sensorium_models.documents.words import around

    words, layout = reading.words, reading.layout
    boxes = np.array([word.box for word in words], np.float64).reshape(-1, 4)

    def place(box: Any) -> list[float]:
        return [round(value, 1) for value in flat.back(box)]

    def said(places: Sequence[int]) -> str:
        return " ".join(words[at].text for at in places)

    few = len(words) < FEWEST
    found = [None if few else answer(question, words, layout) for question in questions]
    return {
        "text": "\n".join(said(block.words) for block in layout.blocks if block.words),
        "words": [
            {"text": words[at].text, "box": place(words[at].box),
             "score": round(words[at].score, 3), "label": reading.tags[at].name}
            for at in layout.order
        ],
        "regions": [
            {"kind": block.kind, "box": place(block.box), "score": round(block.score, 3),
             "text": said(block.words)}
            for block in layout.blocks
        ],
        "fields": [
            {"label": pair.label, "key": said(pair.key), "value": said(pair.value),
             "box": place(around(boxes[list(pair.value or pair.key)])),
             "score": round(pair.score, 3)}
            for pair in layout.pairs
        ],
        "tables": [
            {"box": place(table.box), "html": table.html, "rows": rows_of(table)}
            for table in layout.tables
        ],
        "answers": [
            None if one is None else
            {"text": one.text, "box": place(one.box), "score": round(one.score, 3),
             "source": one.source}
            for one in found
        ],
    }  # fmt: skip


def rows_of(table: Any) -> list[list[str]]:
    """The texts of a table's cells by row and column."""
    count = max(cell.column + cell.columns for cell in table.cells)
    rows: dict[int, list[str]] = {}
    for cell in table.cells:
        rows.setdefault(cell.row, [""] * count)[cell.column] = cell.text
    return [rows[number] for number in sorted(rows)]
