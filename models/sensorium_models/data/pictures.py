"""Captioned pictures and questions about them: COCO captions, Flickr30k, VQA v2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import BadInput
from sensorium_models.data.corpora import (
    Missing,
    corpus_file,
    media,
    read_csv,
    read_json,
    reading,
)

FLICKR_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """A picture's file and what people wrote about it."""

    id: str
    image: Path
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """``answers`` are those of ten people, empty in a test split."""

    id: int
    image: Path
    question: str
    answers: tuple[str, ...]
    question_type: str = ""
    answer_type: str = ""


def coco_captions(
    folder: Path, split: str = "val2017", *, missing: Missing = "raise"
) -> list[CaptionedImage]:
    """COCO captions (Chen et al., 2015): ``annotations/captions_<split>.json``, ``<split>/``."""
    path = corpus_file(folder, f"annotations/captions_{split}.json", corpus="COCO captions")
    data = read_json(path)
    with reading(path):
        captions: dict[int, list[str]] = {entry["id"]: [] for entry in data["images"]}
        for note in data["annotations"]:
            captions[note["image_id"]].append(note["caption"].strip())
        files = [(entry["id"], entry["file_name"]) for entry in data["images"]]
    items = []
    for number, name in files:
        image = media(folder / split, [name], missing, "COCO captions", f"image {number}")
        if image is not None and captions[number]:
            items.append(CaptionedImage(str(number), image, tuple(captions[number])))
    return items


def flickr30k(
    folder: Path, split: str | None = None, *, missing: Missing = "raise"
) -> list[CaptionedImage]:
    """Flickr30k (Young et al., 2014): five captions a picture in ``flickr30k-images/``.

    Captions come from ``dataset_flickr30k.json`` (Karpathy's splits train, val and test), else
    from ``results_20130124.token``, or ``results.csv`` with bars, which know no splits.
    """
    path = corpus_file(
        folder, "dataset_flickr30k.json", "results_20130124.token", "results.csv",
        corpus="Flickr30k",
    )  # fmt: skip
    if path.suffix == ".json":
        captions = _karpathy(path, split)
    elif split is not None:
        raise BadInput(f"Flickr30k: {path.name} knows no splits; add dataset_flickr30k.json")
    else:
        captions = _tokens(path) if path.suffix == ".token" else _bars(path)
    images = folder / "flickr30k-images"
    if not images.is_dir():
        images = folder / "flickr30k_images"
    items = []
    for name, texts in captions.items():
        image = media(images, [name], missing, "Flickr30k", name)
        if image is not None:
            items.append(CaptionedImage(Path(name).stem, image, tuple(texts)))
    return items


def _karpathy(path: Path, split: str | None) -> dict[str, list[str]]:
    if split not in (None, *FLICKR_SPLITS):
        raise BadInput(f"Flickr30k has no split {split!r}; it has: {', '.join(FLICKR_SPLITS)}")
    data = read_json(path)
    with reading(path):
        return {
            entry["filename"]: [sentence["raw"].strip() for sentence in entry["sentences"]]
            for entry in data["images"]
            if split in (None, entry["split"])
        }


def _tokens(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        name, tab, text = line.partition("\t")
        image, mark, _ = name.partition("#")
        if not tab or not mark:
            raise BadInput(f"{path}, line {number}: expected picture#number, a tab, a caption")
        captions.setdefault(image, []).append(text.strip())
    return captions


def _bars(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = {}
    for row in read_csv(path, ("image_name", "comment_number", "comment"), delimiter="|"):
        captions.setdefault(row["image_name"].strip(), []).append(row["comment"].strip())
    return captions


def vqa_v2(
    folder: Path, split: str = "val2014", *, missing: Missing = "raise"
) -> list[ImageQuestion]:
    """VQA v2 (Goyal et al., 2017): ``v2_OpenEnded_mscoco_<split>_questions.json`` and, but for
    test splits, ``v2_mscoco_<split>_annotations.json``, with COCO's pictures in ``<split>/``."""
    path = corpus_file(folder, f"v2_OpenEnded_mscoco_{split}_questions.json", corpus="VQA v2")
    data = read_json(path)
    notes = {} if split.startswith("test") else _annotations(folder, split)
    kind = "test2015" if split.startswith("test") else split  # test-dev shares test's pictures
    items = []
    with reading(path):
        questions = [
            (q["question_id"], int(q["image_id"]), q["question"]) for q in data["questions"]
        ]
    for number, image_id, text in questions:
        name = f"COCO_{kind}_{image_id:012}.jpg"
        image = media(folder / kind, [name], missing, "VQA v2", f"question {number}")
        if image is None:
            continue
        if notes and number not in notes:
            raise BadInput(f"VQA v2: question {number} in {path} has no annotation")
        note = notes.get(number, {})
        with reading(path):
            answers = tuple(answer["answer"] for answer in note.get("answers", ()))
        items.append(
            ImageQuestion(
                number, image, text, answers, note.get("question_type", ""),
                note.get("answer_type", ""),
            )
        )  # fmt: skip
    return items


def _annotations(folder: Path, split: str) -> dict[int, dict[str, Any]]:
    path = corpus_file(folder, f"v2_mscoco_{split}_annotations.json", corpus="VQA v2")
    data = read_json(path)
    with reading(path):
        return {note["question_id"]: note for note in data["annotations"]}
