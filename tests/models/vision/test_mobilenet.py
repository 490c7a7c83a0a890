from __future__ import annotations

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput, ModelError
from sensorium_models.vision.labels import read_labels
from sensorium_models.vision.mobilenet import ImageClassifier, ImageClassifierOptions, preprocess
from sensorium_models.vision.mobilenet_v2 import MobileNetV2

from .conftest import Picture


def test_parameters_have_the_published_names_and_shapes() -> None:
    state = MobileNetV2().state_dict()
    assert len(state) == 314
    assert sum(p.numel() for p in MobileNetV2().parameters()) == 3_504_872
    shapes = {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.2.conv.3.running_mean": (24,),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.18.1.num_batches_tracked": (),
        "classifier.1.bias": (1000,),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes


def test_the_network_maps_any_size_to_features_and_logits() -> None:
    network = MobileNetV2(classes=7).eval()
    with torch.inference_mode():
        for height, width in ((32, 32), (64, 33)):
            pictures = torch.randn(2, 3, height, width)
            assert network.embed(pictures).shape == (2, 1280)
            assert network(pictures).shape == (2, 7)


def test_each_channel_is_normalised_by_itself() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[:] = (255, 0, 128)
    inputs = preprocess(image)
    assert inputs.shape == (3, 224, 224)
    assert inputs.dtype == np.float32
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (128 / 255 - 0.406) / 0.225]
    np.testing.assert_allclose(inputs[:, 100, 100], expected, rtol=1e-5)
    np.testing.assert_allclose(inputs.std(axis=(1, 2)), 0, atol=1e-5)


def test_there_are_a_thousand_labels_in_order() -> None:
    labels = read_labels("imagenet")
    assert len(labels) == 1000
    assert [labels[0], labels[285], labels[967], labels[999]] == [
        "tench",
        "Egyptian cat",
        "espresso",
        "toilet tissue",
    ]
    assert not any("," in label or not label.strip() for label in labels)


def test_inferring_before_loading_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"load\(\)"):
        ImageClassifier().infer([])


@pytest.mark.models
def test_real_weights_name_what_photos_show(picture: Picture) -> None:
    classifier = ImageClassifier(ImageClassifierOptions(top_k=3))
    classifier.load("cpu")
    pixel = np.zeros((1, 1, 3), np.uint8)
    photos = [picture("chelsea-cat"), pixel, picture("coffee")[::-1][::-1]]
    cat, dot, coffee = classifier.infer([{"image": photo} for photo in photos])
    assert cat["labels"][0] == "Egyptian cat"
    assert coffee["labels"][0] == "espresso"
    assert coffee["scores"][0] > 0.9
    for result in (cat, dot, coffee):
        assert len(result["labels"]) == len(result["scores"]) == 3
        assert result["scores"] == sorted(result["scores"], reverse=True)
        assert result["features"].shape == (1280,)
        assert result["features"].dtype == np.float32
    alone = classifier.infer([{"image": photos[0]}])[0]
    np.testing.assert_allclose(alone["features"], cat["features"], atol=1e-3)
    assert classifier.infer([]) == []
    with pytest.raises(BadInput):
        classifier.infer([{"image": photos[0][..., 0]}])
