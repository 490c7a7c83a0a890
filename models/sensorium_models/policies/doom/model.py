"""The policy of the listening arenas as an executor hosts it: senses in, an action out."""

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
    from sensorium_models.policies.doom.network import DoomNetwork

NAME = "doom-listening"
WEIGHTS = {"hearing": "doom-find-hearing.safetensors", "deaf": "doom-find-deaf.safetensors"}
"""The bundled ones; both know `sensorium/DoomFind-v0`."""
CAMERA, EARS, MEMORY = (120, 160, 3), (2, 1260), 128


class DoomRequest(TypedDict):
    """One moment of an episode."""

    camera: NDArray[np.uint8] | None
    """(120, 160, 3) RGB; None: nothing is seen."""
    ears: NDArray[np.float32] | None
    """(2, 1260): left and right; None: nothing is heard."""
    mission: str
    last: int | None
    """The action before; None when an episode begins."""
    memory: NDArray[np.float32] | None
    """(128,) of the result before; None when an episode begins."""


class DoomResult(TypedDict):
    """What to do."""

    action: int
    """0 left, 1 right, 2 forward."""
    memory: NDArray[np.float32]


class DoomPolicyOptions(ModelOptions):
    """Which weights."""

    weights: str = "hearing"
    """``hearing`` or ``deaf``, the bundled ones; or a file that `sensorium train doom` wrote."""


class DoomPolicy(Model[DoomRequest, DoomResult]):
    """Chooses the likeliest action; the same request always has the same answer."""

    Options = DoomPolicyOptions
    _network: DoomNetwork | None = None
    _device = "cpu"

    @classmethod
    def weights(cls, options: DoomPolicyOptions) -> dict[str, str]:
        """The sha256 of its file."""
        bundled = WEIGHTS.get(options.weights)
        return weights_of(NAME, bundled) if bundled else weights_of(options.weights)

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            from sensorium_models.policies.doom.network import DoomNetwork
        except ModuleNotFoundError as error:
            remedy = 'Run: pip install "sensorium[sim]"'
            raise MissingDependency("the Doom policy", str(error.name), remedy) from error
        bundled = WEIGHTS.get(self.options.weights)
        path = (
            ModelStore().path(NAME, bundled) if bundled else Path(self.options.weights).expanduser()
        )
        network = DoomNetwork()
        try:
            network.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ModelUnavailable(NAME, f"{path} holds no weights of it: {reason}") from error
        self._network, self._device = network.eval().to(device), device

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        self.infer([{"camera": None, "ears": None, "mission": "", "last": None, "memory": None}])

    def infer(self, batch: Sequence[DoomRequest]) -> list[DoomResult]:
        """Decide for each; raises BadInput for senses or a memory of another size."""
        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        import torch

        from sensorium_models.policies.doom.network import ACTIONS, hear, see, understand

        seen = np.stack([see(_sized(r["camera"], CAMERA, np.uint8)) for r in batch])
        heard = np.stack([hear(_sized(r["ears"], EARS, np.float32)) for r in batch])
        last = [ACTIONS if r["last"] is None else r["last"] for r in batch]
        if not all(0 <= action <= ACTIONS for action in last):
            raise BadInput(f"the action before is 0 to {ACTIONS - 1} or None, not one of {last}")
        memory = np.stack([_sized(r["memory"], (MEMORY,), np.float32) for r in batch])
        asked = torch.tensor([understand(r["mission"]) for r in batch])
        with torch.inference_mode():
            logits, after, _ = self._network(
                torch.from_numpy(seen)[:, None].to(self._device),
                torch.from_numpy(heard)[:, None].to(self._device),
                torch.tensor(last, device=self._device)[:, None],
                asked.to(self._device),
                torch.from_numpy(memory)[None].to(self._device),
            )
        memories = after[0].cpu().numpy()
        return [
            {"action": int(action), "memory": memories[row].copy()}
            for row, action in enumerate(logits[:, 0].argmax(-1).tolist())
        ]

    def unload(self) -> None:
        """Let go of the network."""
        self._network = None


def _sized(given: NDArray[Any] | None, shape: tuple[int, ...], kind: type[Any]) -> NDArray[Any]:
    if given is None:
        return np.zeros(shape, kind)
    if np.shape(given) != shape:
        raise BadInput(f"the Doom policy takes {shape} of {kind.__name__}, not {np.shape(given)}")
    return np.asarray(given, kind)
