from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch

from sensorium.errors import BadInput, ModelCorrupt, ModelUnavailable
from sensorium_models.metrics.distribution import Features, fid, frechet, kid, polynomial_mmd
from sensorium_models.metrics.features import (
    FILE,
    STAND_IN,
    default_features,
    features,
    inception_extractor,
)
from sensorium_models.metrics.inception import FidInception

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import poly_mmd

RNG = np.random.default_rng(0)
REAL = Features("test-12", RNG.normal(size=(300, 12)) @ RNG.normal(size=(12, 12)))
MADE = Features("test-12", 1.3 * REAL.values[::-1] + RNG.normal(0.4, 1.0, (300, 12)))


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(axis=0), np.cov(values, rowvar=False)


def test_fid_agrees_with_scipy_s_matrix_root() -> None:
    (m1, c1), (m2, c2) = moments(REAL.values), moments(MADE.values)
    root = scipy.linalg.sqrtm(c1 @ c2)
    expected = np.square(m1 - m2).sum() + np.trace(c1 + c2 - 2 * np.real(root))
    assert fid(REAL, MADE).value == pytest.approx(float(expected), abs=1e-6)


class Flat(torch.nn.Module):
    """Gives torchmetrics' FID fixed features: the pictures' first pixels."""

    num_features = 12

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(len(images), -1)[:, :12].double()


def test_fid_agrees_with_torchmetrics() -> None:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, high, (200, 3, 8, 8), dtype=np.uint8) for high in (200, 255)]
    metric = FrechetInceptionDistance(feature=Flat(), input_img_size=(3, 8, 8)).set_dtype(
        torch.float64
    )
    for images, real in zip(pictures, (True, False), strict=True):
        metric.update(torch.from_numpy(images), real=real)
    mine = [Features("flat", p.reshape(200, -1)[:, :12].astype(float)) for p in pictures]
    assert fid(*mine).value == pytest.approx(float(metric.compute()), rel=1e-6)


def test_fid_of_known_gaussians() -> None:
    # |m|^2 + (s - t)^2 a dimension, for diagonal covariances.
    zero, one = np.zeros(3), np.ones(3)
    assert frechet(zero, np.diag([1.0, 4.0, 9.0]), one, np.diag([4.0, 4.0, 1.0])) == pytest.approx(
        3 + 1 + 0 + 4
    )
    assert frechet(zero, np.zeros((3, 3)), zero, np.eye(3)) == pytest.approx(3)  # singular


def test_a_set_is_no_distance_from_itself() -> None:
    assert fid(REAL, REAL).value == pytest.approx(0, abs=1e-9)
    one, other = (Features("normal", RNG.normal(size=(800, 12))) for _ in range(2))
    far = Features("normal", RNG.normal(0.5, 1.0, (800, 12)))
    assert abs(kid(one, other, subsets=5).value) < 0.05 < 0.3 < kid(one, far, subsets=5).value
    few = Features("test-12", REAL.values[:5])  # fewer pictures than dimensions
    assert fid(few, few).value == pytest.approx(0, abs=1e-5)


def test_kid_agrees_with_torchmetrics() -> None:
    x, y = REAL.values, MADE.values
    theirs = float(poly_mmd(torch.tensor(x), torch.tensor(y)))
    assert polynomial_mmd(x, y) == pytest.approx(theirs, rel=1e-9)
    whole = kid(REAL, MADE, subsets=3, size=1000)
    assert whole.value == pytest.approx(theirs, rel=1e-9)
    assert whole.deviation == pytest.approx(0, abs=1e-9)
    parts = kid(REAL, MADE, subsets=50, size=100)
    assert parts.value == pytest.approx(theirs, rel=0.2)
    assert parts.deviation is not None
    assert parts.deviation > 0


def test_features_of_two_networks_never_meet() -> None:
    other = Features("inception", MADE.values)
    for metric in (fid, kid):
        with pytest.raises(BadInput, match=r"test-12 features .* and inception features"):
            metric(REAL, other)
    assert "test-12" in str(fid(REAL, MADE))
    with pytest.raises(BadInput, match="no numbers"):
        Features("x", np.full((3, 2), np.nan))


def _pattern(network: torch.nn.Module) -> None:
    """Weights by a formula, so that any implementation can be given the same."""
    state = network.state_dict()
    for place, (name, value) in enumerate(state.items()):
        if value.dtype != torch.float32:
            continue
        wave = np.sin(np.arange(value.numel()) * 12.9898 + place * 78.233) * 43758.5453
        wave = (wave - np.floor(wave)) * 2 - 1
        if name.endswith("running_var"):
            wave = 1 + 0.5 * wave
        elif name.endswith("bn.weight"):
            wave = 1 + 0.3 * wave
        elif name.endswith(("bias", "running_mean")):
            wave = 0.1 * wave
        else:
            wave = wave * np.sqrt(6 / max(1, value[0].numel()))
        state[name] = torch.from_numpy(wave.reshape(value.shape)).float()
    network.load_state_dict(state)


def test_inception_agrees_with_torch_fidelity() -> None:
    """What torch-fidelity 0.4.0's network gave for these weights and these pictures."""
    network = FidInception().eval()
    _pattern(network)
    steps = np.arange(2 * 3 * 64 * 71)
    images = ((steps * 37 + steps // 64 * 11) % 256).astype(np.uint8).reshape(2, 3, 64, 71)
    with torch.inference_mode():
        found = network(torch.from_numpy(images)).numpy()
    expected = [
        [4.404931, 0.8255928, 0.0, 0.16541153, 0.6370683, 17.031036],
        [4.327767, 0.798953, 0.0, 0.15725857, 0.6568619, 16.837626],
    ]
    assert found[:, [0, 1, 500, 1000, 1500, 2047]] == pytest.approx(np.array(expected), abs=1e-4)
    assert found.sum(dtype=np.float64) == pytest.approx(16079.8605, abs=0.01)


def test_other_weights_do_not_pass_for_inception(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=FILE):
        inception_extractor(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(b"not the published file")
    with pytest.raises(ModelCorrupt, match="its sha256 begins"):
        inception_extractor(tmp_path / FILE)


def test_features_of_any_network_have_its_name() -> None:
    images = RNG.integers(0, 255, (6, 8, 8, 3), dtype=np.uint8)
    means = features([images[:4], images[4:]], lambda b: b.mean((1, 2)).astype(np.float32), "mean")
    assert (means.name, means.values.shape) == ("mean", (6, 3))
    with pytest.raises(BadInput, match="uint8"):
        features(images.astype(float), lambda b: b, "x")  # type: ignore[arg-type, return-value]
    with pytest.raises(BadInput, match="no pictures"):
        features([], lambda b: b, "x")  # type: ignore[arg-type, return-value]


@pytest.mark.models
def test_the_stand_in_tells_noise_from_scenes(tmp_path: Path) -> None:
    from sensorium_sims.world.render import render
    from sensorium_sims.world.sampling import scenes

    def pictures(split: str) -> np.ndarray:
        return np.stack([render(s, 64).image for s in scenes(split, 12)])  # type: ignore[arg-type]

    noise = RNG.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8)
    one, other, bad = (
        default_features(images, inception=tmp_path / FILE)
        for images in (pictures("train"), pictures("test"), noise)
    )
    assert one.name == STAND_IN
    assert fid(one, other).value < fid(one, bad).value
    assert kid(one, other, subsets=5).value < kid(one, bad, subsets=5).value
