"""A fusion network as an executor hosts it: what each modality shows in, classes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.fusion_networks.signals import (
    picture_features,
    sound_features,
    words_features,
)
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from sensorium_models.fusion_networks.learning import Described
    from sensorium_models.fusion_networks.network import FusionNetwork

NAME = "fusion_network"
BUNDLED = "fusion-world"
WEIGHTS = "fusion-world.safetensors"
REMEDY = 'Run: pip install "sensorium[language]"'


class Shown(TypedDict, total=False):
    """What one modality shows: a ``vector`` and its ``space``, or one of the others."""

    vector: NDArray[np.float32]
    space: str
    picture: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    samples: NDArray[np.float32]
    """(T,), and"""
    rate: int
    """in Hz."""
    words: str


class FusionRequest(TypedDict):
    """What is there, by modality; those that are missing are left out, or None."""

    inputs: Mapping[str, Shown | None]


class FusionResult(TypedDict):
    """The classes, best first, and the fused vector."""

    labels: list[str]
    scores: list[float]
    """They sum to 1."""
    vector: NDArray[np.float32]
    """(F,) of length 1."""
    used: list[str]
    """The modalities that were there."""


class FusionOptions(ModelOptions):
    """Which network."""

    weights: str = ""
    """A file that `sensorium train fusion` or :func:`~sensorium_models.fusion_networks.learning.\
save_fusion` wrote; the bundled one, which knows claims about the synthetic world, if left out."""


class FusionModel(Model[FusionRequest, FusionResult]):
    """Fuses what is there. Any modality may be missing, though not all of them."""

    Options = FusionOptions
    _network: FusionNetwork | None = None
    _said: Described
    _device = "cpu"

    @classmethod
    def weights(cls, options: FusionOptions) -> dict[str, str]:
        """The sha256 of its file."""
        return weights_of(options.weights) if options.weights else weights_of(BUNDLED, WEIGHTS)

    def load(self, device: str) -> None:
        """Bring the network to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from sensorium_models.fusion_networks.learning import load_fusion
        except ModuleNotFoundError as error:
            raise MissingDependency("fusion networks", str(error.name), REMEDY) from error
        asked = self.options.weights
        path = Path(asked).expanduser() if asked else ModelStore().path(BUNDLED, WEIGHTS)
        network, self._said = load_fusion(path)
        self._network, self._device = network.to(device), device

    def infer(self, batch: Sequence[FusionRequest]) -> list[FusionResult]:
        """Answer each; raises BadInput for a modality it does not know, or one in another space."""
        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        import torch

        rows = [self._row(request["inputs"]) for request in batch]
        inputs, present = {}, {}
        for name, size in self._said.sizes.items():
            values = [row.get(name) for row in rows]
            blank = np.zeros(size, np.float32)
            shown = np.stack([blank if value is None else value for value in values])
            inputs[name] = torch.from_numpy(shown).to(self._device)
            there = torch.tensor([value is not None for value in values])
            present[name] = there.to(self._device)
        with torch.inference_mode():
            fused = self._network.fuse(inputs, present)
            scores = self._network.answer(fused).softmax(1).cpu().numpy()
            unit = torch.nn.functional.normalize(fused, dim=1).cpu().numpy()
        return [self._result(scores[at], unit[at], row) for at, row in enumerate(rows)]

    def unload(self) -> None:
        """Let go of the network."""
        self._network = None

    def _result(
        self, scores: NDArray[np.float32], vector: NDArray[np.float32], row: Mapping[str, Any]
    ) -> FusionResult:
        order = np.argsort(-scores, kind="stable")
        return {
            "labels": [self._said.labels[at] for at in order],
            "scores": [float(scores[at]) for at in order],
            "vector": vector.copy(),
            "used": [name for name in self._said.sizes if name in row],
        }

    def _row(self, inputs: Mapping[str, Shown | None]) -> dict[str, NDArray[np.float32]]:
        unknown = set(inputs) - set(self._said.sizes)
        if unknown:
            known = ", ".join(self._said.sizes)
            raise BadInput(f"no modality {', '.join(sorted(unknown))}: this network takes {known}")
        row = {name: self._features(name, s) for name, s in inputs.items() if s is not None}
        if not row:
            raise BadInput("no modality is there")
        return row

    def _features(self, name: str, shown: Shown) -> NDArray[np.float32]:
        space, size = self._said.spaces[name], self._said.sizes[name]
        if space:
            if "vector" not in shown or shown.get("space") != space:
                given = shown.get("space") or "/".join(shown)
                raise BadInput(f"{name} is an embedding in the space {space!r}, not {given!r}")
            vector = np.asarray(shown["vector"], np.float32)
        elif name == "picture" and "picture" in shown:
            vector = picture_features(shown["picture"])
        elif name == "sound" and "samples" in shown:
            vector = sound_features(shown["samples"], shown["rate"])
        elif name == "words" and "words" in shown:
            vector = words_features(shown["words"])
        else:
            raise BadInput(f"{name} cannot be read from {', '.join(shown)}")
        if vector.shape != (size,):
            raise BadInput(f"{name} is {vector.shape}; this network takes ({size},)")
        return vector
