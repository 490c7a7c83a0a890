"""Each corpus in miniature, in its published format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensorium.errors import BadInput
from sensorium_models.data.clips import Narration, audiocaps, howto100m
from sensorium_models.data.pictures import coco_captions, flickr30k, vqa_v2


def put(path: Path, content: object = b"") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    put(
        tmp_path / "annotations/captions_val2017.json",
        {
            "info": {"year": 2017},
            "licenses": [],
            "images": [
                {"id": 139, "file_name": "000000000139.jpg", "height": 426, "width": 640},
                {"id": 285, "file_name": "000000000285.jpg", "height": 640, "width": 586},
            ],
            "annotations": [
                {"image_id": 139, "id": 1, "caption": "A woman in a kitchen. "},
                {"image_id": 285, "id": 2, "caption": "A big bear."},
                {"image_id": 139, "id": 3, "caption": "A room with chairs."},
            ],
        },
    )
    for name in ("000000000139.jpg", "000000000285.jpg"):
        put(tmp_path / "val2017" / name)
    return tmp_path


def test_coco_captions(coco: Path) -> None:
    first, second = coco_captions(coco)
    assert first.captions == ("A woman in a kitchen.", "A room with chairs.")
    assert first.image == coco / "val2017/000000000139.jpg"
    assert (second.id, second.captions) == ("285", ("A big bear.",))


def test_a_missing_picture_is_named_or_skipped(coco: Path) -> None:
    (coco / "val2017/000000000139.jpg").unlink()
    with pytest.raises(BadInput, match=r"image 139 needs 000000000139\.jpg .* missing=\"skip\""):
        coco_captions(coco)
    assert [item.id for item in coco_captions(coco, missing="skip")] == ["285"]


def test_a_corpus_that_is_not_there_says_what_it_wants(tmp_path: Path) -> None:
    for read, wanted in (
        (coco_captions, "annotations/captions_val2017.json"),
        (flickr30k, "dataset_flickr30k.json or results_20130124.token"),
        (vqa_v2, "v2_OpenEnded_mscoco_val2014_questions.json"),
        (audiocaps, "test.csv"),
        (lambda folder: list(howto100m(folder)), "HowTo100M_v1.csv"),
    ):
        with pytest.raises(BadInput, match=wanted):
            read(tmp_path)


def test_a_file_of_another_format_is_named(coco: Path) -> None:
    path = coco / "annotations/captions_val2017.json"
    put(path, {"images": [{"id": 1}], "annotations": []})
    with pytest.raises(BadInput, match=r"captions_val2017\.json is not in the published format"):
        coco_captions(coco)
    put(path, "{")
    with pytest.raises(BadInput, match=r"captions_val2017\.json is not JSON"):
        coco_captions(coco)


def _flickr(split: str, name: str) -> dict[str, Any]:
    raws = [{"raw": f"Caption {i} of {name}.", "tokens": []} for i in range(5)]
    return {"filename": name, "imgid": 0, "split": split, "sentids": [], "sentences": raws}


def test_flickr30k_by_karpathy(tmp_path: Path) -> None:
    images = [_flickr("train", "1000092795.jpg"), _flickr("test", "1007129816.jpg")]
    put(tmp_path / "dataset_flickr30k.json", {"images": images, "dataset": "flickr30k"})
    for entry in images:
        put(tmp_path / "flickr30k-images" / entry["filename"])
    (item,) = flickr30k(tmp_path, "test")
    assert item.id == "1007129816"
    assert item.captions[4] == "Caption 4 of 1007129816.jpg."
    assert len(flickr30k(tmp_path)) == 2
    with pytest.raises(BadInput, match="no split 'dev'"):
        flickr30k(tmp_path, "dev")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("results_20130124.token", "1.jpg#0\tTwo men .\n1.jpg#1\tA yard , green .\n"),
        (
            "results.csv",
            "image_name| comment_number| comment\n"
            "1.jpg| 0| Two men .\n1.jpg| 1| A yard , green .\n",
        ),
    ],
)
def test_flickr30k_s_other_files(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path / name, text)
    put(tmp_path / "flickr30k_images/1.jpg")
    (item,) = flickr30k(tmp_path)
    assert item.captions == ("Two men .", "A yard , green .")
    with pytest.raises(BadInput, match="knows no splits"):
        flickr30k(tmp_path, "test")


def test_a_broken_token_line_is_named(tmp_path: Path) -> None:
    put(tmp_path / "results_20130124.token", "1.jpg#0\tTwo men .\nno tab here\n")
    with pytest.raises(BadInput, match="line 2"):
        flickr30k(tmp_path)


def _vqa(folder: Path, split: str) -> None:
    put(
        folder / f"v2_OpenEnded_mscoco_{split}_questions.json",
        {"questions": [{"image_id": 262148, "question": "Where is he?", "question_id": 262148000}]},
    )


def test_vqa_v2(tmp_path: Path) -> None:
    _vqa(tmp_path, "val2014")
    answers = [
        {"answer": "down", "answer_confidence": "yes", "answer_id": i + 1} for i in range(10)
    ]
    note = {
        "question_id": 262148000, "image_id": 262148, "question_type": "none of the above",
        "answer_type": "other", "multiple_choice_answer": "down", "answers": answers,
    }  # fmt: skip
    put(tmp_path / "v2_mscoco_val2014_annotations.json", {"annotations": [note]})
    put(tmp_path / "val2014/COCO_val2014_000000262148.jpg")
    (item,) = vqa_v2(tmp_path)
    assert item.question == "Where is he?"
    assert item.answers == ("down",) * 10
    assert item.answer_type == "other"
    put(
        tmp_path / "v2_mscoco_val2014_annotations.json",
        {"annotations": [{**note, "question_id": 1}]},
    )
    with pytest.raises(BadInput, match=r"262148000 .* has no annotation"):
        vqa_v2(tmp_path)


def test_vqa_v2_s_test_split_has_no_answers(tmp_path: Path) -> None:
    _vqa(tmp_path, "test-dev2015")
    put(tmp_path / "test2015/COCO_test2015_000000262148.jpg")
    (item,) = vqa_v2(tmp_path, "test-dev2015")
    assert item.answers == ()


def test_audiocaps(tmp_path: Path) -> None:
    put(
        tmp_path / "test.csv",
        "audiocap_id,youtube_id,start_time,caption\n"
        '103549,7fmOlUlwoNg,0,"Constant rattling, then a clank"\n'
        "103548,7fmOlUlwoNg,0,Metal clanging\n"
        "103541,6BJ455B1aAs,30,A rocket flies by\n",
    )
    put(tmp_path / "audio/Y7fmOlUlwoNg.wav")
    put(tmp_path / "audio/103541.flac")
    first, second = audiocaps(tmp_path)
    assert first.captions == ("Constant rattling, then a clank", "Metal clanging")
    assert (second.start, second.audio.name) == (30.0, "103541.flac")
    (tmp_path / "audio/103541.flac").unlink()
    assert len(audiocaps(tmp_path, missing="skip")) == 1
    with pytest.raises(BadInput, match="clip 6BJ455B1aAs"):
        audiocaps(tmp_path)
    put(tmp_path / "test.csv", "id,caption\n1,x\n")
    with pytest.raises(BadInput, match="no column 'audiocap_id'"):
        audiocaps(tmp_path)


HOWTO = (
    "video_id,category_1,category_2,rank,task_id\n"
    "nVbIUDjzWY4,Cars & Other Vehicles,Motorcycles,27,52907\n"
)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_howto100m(tmp_path: Path, kind: str) -> None:
    put(tmp_path / "HowTo100M_v1.csv", HOWTO)
    put(tmp_path / "videos/nVbIUDjzWY4.webm")
    if kind == "json":
        said = {"start": [9.26, 12.0], "end": [11.5, 14], "text": ["hey guys", "take a wrench"]}
        put(tmp_path / "caption.json", {"nVbIUDjzWY4": said})
    else:
        put(
            tmp_path / "howto100m_captions/nVbIUDjzWY4.csv",
            ",start,end,text\n0,9.26,11.5,hey guys\n1,12.0,14,take a wrench\n",
        )
    (item,) = howto100m(tmp_path)
    assert item.narrations == (
        Narration(9.26, 11.5, "hey guys"),
        Narration(12.0, 14.0, "take a wrench"),
    )
    assert (item.task_id, item.categories[1]) == (52907, "Motorcycles")


def test_howto100m_without_its_words(tmp_path: Path) -> None:
    put(tmp_path / "HowTo100M_v1.csv", HOWTO)
    put(tmp_path / "videos/nVbIUDjzWY4.mp4")
    put(tmp_path / "caption.json", {})
    with pytest.raises(BadInput, match="nothing is said in nVbIUDjzWY4"):
        list(howto100m(tmp_path))
    assert list(howto100m(tmp_path, missing="skip")) == []
    put(tmp_path / "caption.json", {"nVbIUDjzWY4": {"start": [1.0], "end": [], "text": ["x"]}})
    with pytest.raises(BadInput, match=r"caption\.json is not in the published format"):
        list(howto100m(tmp_path))
