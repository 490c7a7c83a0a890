"""The AVWorld policy as an executor hosts it: what an agent senses in, an action out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError, ModelUnavailable
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from sensorium_models.policies.avworld.mind import Mind
    from sensorium_models.policies.avworld.networks import Networks, Reading

NAME = "avworld"
WEIGHTS = "avworld.safetensors"
PICTURE = (64, 64, 3)
SOUND = (2, 3200)


class AVWorldRequest(TypedDict):
    """One moment of an episode; a sense that is missing is None."""

    camera: NDArray[np.uint8] | None
    """(64, 64, 3)"""
    ears: NDArray[np.float32] | None
    """(2, 3200): left and right, at 16 kHz."""
    mission: str
    """Empty where the instruction is spoken."""
    carry: int
    touch: int
    memory: dict[str, Any] | None
    """Of the result before; None when an episode begins."""


class AVWorldResult(TypedDict):
    """What to do."""

    action: int
    """0 to 5: left, right, forward, pick up, drop, stop."""
    memory: dict[str, Any]


class AVWorldPolicyOptions(ModelOptions):
    """Which weights."""

    weights: str = ""
    """A .safetensors file that `sensorium train avworld` wrote; the bundled ones if left out."""


class AVWorldPolicy(Model[AVWorldRequest, AVWorldResult]):
    """Learned senses and a learned choice, a chart between them; the same request always has the
    same answer. Nothing is kept between requests: the chart goes out and comes back."""

    Options = AVWorldPolicyOptions
    _networks: Networks | None = None

    @classmethod
    def weights(cls, options: AVWorldPolicyOptions) -> dict[str, str]:
        """The sha256 of its file."""
        return weights_of(options.weights) if options.weights else weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from safetensors import SafetensorError

            from sensorium_models.policies.avworld.networks import Networks
        except ModuleNotFoundError as error:
            remedy = 'Run: pip install "sensorium[sim,language]"'
            raise MissingDependency("the AVWorld policy", str(error.name), remedy) from error
        asked = self.options.weights
        path = Path(asked).expanduser() if asked else ModelStore().path(NAME, WEIGHTS)
        try:
            self._networks = Networks.load(path).to(device)
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ModelUnavailable(NAME, f"{path} holds no weights of it: {reason}") from error

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        picture, sound = np.zeros(PICTURE, np.uint8), np.zeros(SOUND, np.float32)
        self.infer([{
            "camera": picture, "ears": sound, "mission": "", "carry": 0, "touch": 0, "memory": None,
        }])  # fmt: skip

    def infer(self, batch: Sequence[AVWorldRequest]) -> list[AVWorldResult]:
        """Decide for each; raises BadInput for senses of another shape."""
        if self._networks is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        from sensorium_models.policies.avworld.percepts import perceive

        pictures = [_sense(request["camera"], PICTURE, np.uint8) for request in batch]
        sounds = [_sense(request["ears"], SOUND, np.float32) for request in batch]
        percepts = perceive(self._networks.senses, pictures, sounds)
        results: list[AVWorldResult] = []
        for request, percept, sound in zip(batch, percepts, sounds, strict=True):
            mind, reading = _remember(self._networks, request["memory"])
            slots = reading.take(request["mission"], sound)
            touched = bool(request["touch"])
            action = mind.act(percept, slots, request["carry"], touched, self._networks.choose)
            memory = mind.pack() | {"reading": [reading.step, reading.state, reading.flat]}
            results.append({"action": int(action), "memory": memory})
        return results

    def unload(self) -> None:
        """Let go of the networks."""
        self._networks = None


def _remember(networks: Networks, memory: dict[str, Any] | None) -> tuple[Mind, Reading]:
    from sensorium_models.policies.avworld.mind import Mind
    from sensorium_models.policies.avworld.networks import Reading

    if memory is None:
        return Mind(), Reading(networks)
    try:
        step, state, flat = memory["reading"]
        read = [None if part is None else np.array(part, np.float32) for part in (state, flat)]
        return Mind.of(memory), Reading(networks, read[0], int(step), read[1])
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"the memory of an episode is what the last result held: {error}") from error


def _sense(given: Any, shape: tuple[int, ...], kind: type[np.generic]) -> Any:
    if given is None:
        return None
    if np.shape(given) != shape:
        raise BadInput(f"AVWorld's senses are {PICTURE} and {SOUND}, not {np.shape(given)}")
    return np.ascontiguousarray(given, kind)
