"""What the readers of published corpora share.

Nothing is downloaded: each reader takes the folder where the corpus was unpacked and reads the
files under the names they were published with. A file that is absent or not of its format raises
BadInput naming it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sensorium.errors import BadInput

Missing = Literal["raise", "skip"]
"""What to do about an item whose picture, sound or video is not there."""


def corpus_file(folder: Path, *names: str, corpus: str) -> Path:
    """The first of some files that is there; raises BadInput naming them all when none is."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    listed = " or ".join(names)
    raise BadInput(f"{corpus}: there is no {listed} in {folder}; unpack the corpus there")


def read_json(path: Path) -> Any:
    """A JSON file; raises BadInput when it is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not JSON: {error}") from error


def read_csv(path: Path, columns: Sequence[str], delimiter: str = ",") -> Iterator[dict[str, str]]:
    """Rows of a CSV with a header that holds ``columns``; raises BadInput when it does not."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, skipinitialspace=True)
        absent = [name for name in columns if name not in (reader.fieldnames or ())]
        if absent:
            raise BadInput(f"{path} has no column {absent[0]!r}; it has {reader.fieldnames}")
        for row in reader:
            if any(row[name] is None for name in columns):
                raise BadInput(f"{path}, line {reader.line_num}: too few columns")
            yield row


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A missing or ill-typed entry within becomes BadInput that names the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadInput(f"{path} is not in the published format: {error!r}") from error


def media(
    folder: Path, names: Sequence[str], missing: Missing, corpus: str, item: object
) -> Path | None:
    """The first of some files that is there; None to skip the item."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
    if missing == "skip":
        return None
    raise BadInput(
        f"{corpus}: {item} needs {names[0]} in {folder}, which is not there; "
        'fetch it, or pass missing="skip"'
    )
