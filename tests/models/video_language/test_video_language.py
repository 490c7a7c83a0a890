"""The video-language model: what it is taught with, and what it says to bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput, ModelUnavailable
from sensorium_models.training import Draw
from sensorium_models.video_language import films, words
from sensorium_models.video_language.checkpoint import load, save
from sensorium_models.video_language.evaluate import Watched, answers, phrases, told
from sensorium_models.video_language.eye import Eye
from sensorium_models.video_language.learning import Reel, VideoTask, flow, reel
from sensorium_models.video_language.model import VideoModel, VideoOptions
from sensorium_models.video_language.network import COURSES, VideoLanguage
from sensorium_models.video_language.seeing import EyeTask
from sensorium_sims.world.scene import Scene


@pytest.fixture(scope="module")
def eye() -> Eye:
    torch.manual_seed(0)
    return Eye().eval()


@pytest.fixture(scope="module")
def some(eye: Eye) -> Reel:
    return reel(eye, "train", 8)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, eye: Eye) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.safetensors"
    torch.manual_seed(1)
    save(path, VideoLanguage(eye))
    return path


def scene_with(movers: int) -> Scene:
    for index in range(500):
        scene = films.film_of("test", index)
        if len(scene.things) == 3 and sum(bool(t.moves) for t in scene.things) == movers:
            return scene
    raise AssertionError(movers)


def test_every_order_that_is_right_is_told_and_no_other() -> None:
    scene = scene_with(1)
    told_ = films.narrations(scene)
    assert len(told_) == 2  # the two that stay, in either order
    assert all(sentence.count("stays") == 2 for sentence in told_)
    assert all(sentence.index("moves") < sentence.index("stays") for sentence in told_)


def test_all_that_is_asked_and_told_can_be_read_and_answered() -> None:
    rng = np.random.default_rng(0)
    for index in range(60):
        scene = films.film_of("unseen" if index % 2 else "train", index)
        for question in films.ask_some(scene, rng, 6):
            assert question.answer in words.REPLIES
            words.encode(question.text)
        for telling in films.tellings(scene, rng):
            ids = words.encode(telling.sentences[0])
            assert words.decode(ids[1:]) == telling.sentences[0]


def test_flow_says_which_way_a_thing_went() -> None:
    tokens = torch.zeros(1, films.FRAMES, 4, 99)
    tokens[..., 0, 3] = tokens[..., 1, 7] = 1.0  # two things that look different
    tokens[0, :, 0, 96] = torch.arange(films.FRAMES) / 32  # half a cell a picture to the right
    there = torch.zeros(1, films.FRAMES, 4, dtype=torch.bool)
    there[..., :2] = True
    ways = flow(tokens, there)
    assert torch.allclose(ways[0, 5, 0], torch.tensor([-0.5, 0, 0.5, 0]), atol=1e-3)
    assert torch.allclose(ways[0, 5, 1], torch.zeros(4), atol=1e-3)


def test_the_eye_is_taught_by_its_losses_and_colours_are_not_told_of_recoloured() -> None:
    task = EyeTask()
    torch.manual_seed(0)
    network = task.build(0)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    batch = task.batch(Draw(0, 12, 0))
    assert (batch["told"][:, 2] == -100).any()
    first = last = 0.0
    for _ in range(12):
        losses = task.losses(network, batch)
        last = sum(loss.item() for loss in losses.values())
        first = first or last
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    assert last < first / 2


def test_a_draw_gives_the_same_batch_and_leaves_the_eye_alone(eye: Eye, some: Reel) -> None:
    task = VideoTask(eye, some, some)
    one, other = task.batch(Draw(3, 4, 0)), task.batch(Draw(3, 4, 0))
    assert all(torch.equal(one[key], other[key]) for key in one)
    network = task.build(0)
    network.train()
    torch.stack(list(task.losses(network, one).values())).sum().backward()
    assert all(parameter.grad is None for parameter in network.eye.parameters())
    assert network.answer.weight.grad is not None
    assert not network.eye.training


def test_tokens_are_told_which_way_their_thing_moves(eye: Eye, some: Reel) -> None:
    batch = VideoTask(eye, some, some).batch(Draw(0, 8, 0))
    still = COURSES.index("nowhere")
    assert (batch["now"] != still).sum() <= (batch["whole"] != still).sum()


def test_each_figure_comes_with_its_controls(eye: Eye, some: Reel) -> None:
    watched = Watched(VideoLanguage(eye).eval(), some)
    for one in (watched, watched.shuffled(), watched.blind()):
        found = answers(one)
        assert found.right.n == found.prior_right.n == 32
    assert phrases(watched).at[0.7].n == phrases(watched).prior[0.7].n
    assert told(watched).exact.n == 8


def test_the_file_gives_the_same_answers_and_another_file_is_refused(
    file: Path, tmp_path: Path
) -> None:
    network = load(file)
    assert not network.training
    other = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(ModelUnavailable, match="no video-language model"):
        load(other)
    with pytest.raises(ModelUnavailable):
        load(tmp_path / "missing.safetensors")


@pytest.mark.parametrize(
    ("frames", "question", "says"),
    [
        (np.zeros((1, 64, 64, 3), np.uint8), "what happens?", "1 frame"),
        (np.zeros((4, 64, 64, 4), np.uint8), "what happens?", "RGB"),
        (np.zeros((4, 64, 64, 3), np.uint16), "what happens?", "uint16"),
        (np.zeros((4, 64, 64, 3), np.uint8), "  ", "empty"),
        (np.zeros((4, 64, 64, 3), np.uint8), "what does the dog do?", "'dog'"),
        (np.zeros((4, 64, 64, 3), np.uint8), "что происходит?", "происходит"),
        (np.zeros((4, 64, 64, 3), np.uint8), "what " * 40, "40 words"),
    ],
)
def test_bad_input_is_named(
    file: Path, frames: np.ndarray[tuple[int, ...], np.dtype[np.generic]], question: str, says: str
) -> None:
    model = VideoModel(VideoOptions(weights=str(file)))
    model.load("cpu")
    with pytest.raises(BadInput, match=says):
        model.infer([{"frames": frames, "seconds": 4.0, "question": question}])  # type: ignore[typeddict-item]


def test_a_film_of_any_size_and_length_is_answered(file: Path) -> None:
    model = VideoModel(VideoOptions(weights=str(file)))
    model.load("cpu")
    frames = np.random.default_rng(0).integers(0, 255, (7, 90, 120, 3)).astype(np.uint8)
    (found,) = model.infer([{"frames": frames, "seconds": 2.0, "question": "How many things?"}])
    assert found["answer"]
    assert 0 <= found["score"] <= 1


def test_the_bundled_one_sees_what_moves_first_and_which_way() -> None:
    model = VideoModel(VideoOptions())
    model.load("cpu")
    right, backwards, asked = 0, 0, 0
    for index in range(40):
        scene = films.film_of("test", 5_000 + index)
        question = films.ask_of(scene, films.rng_for("test", index), "first")
        if question is None:
            continue
        frames = films.pictures_of(scene, 64)
        request = {"frames": frames, "seconds": scene.seconds, "question": question.text}
        turned = request | {"frames": frames[::-1].copy()}
        said, other = (one["answer"] for one in model.infer([request, turned]))
        asked += 1
        right += said == question.answer
        backwards += other == question.answer
    model.unload()
    assert asked >= 15
    assert right >= 0.85 * asked
    assert backwards <= 0.6 * asked  # played backwards, something else comes first
