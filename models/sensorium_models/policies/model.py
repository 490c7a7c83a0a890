"""The BabyAI policy as an executor hosts it: a view and an instruction in, an action out."""

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
    from sensorium_models.policies.babyai import BabyAINetwork

NAME = "babyai-gotolocal"
WEIGHTS = "babyai-gotolocal.safetensors"
VIEW = (7, 7, 3)
MEMORY = 128


class PolicyRequest(TypedDict):
    """One moment of an episode."""

    view: NDArray[Any] | None
    """147 numbers: MiniGrid's 7x7 cells of object, colour and state; None: nothing is seen."""
    mission: str
    memory: NDArray[np.float32] | None
    """(128,) of the result before; None when an episode begins."""


class PolicyResult(TypedDict):
    """What to do."""

    action: int
    """0 to 6: MiniGrid's left, right, forward, pickup, drop, toggle, done."""
    memory: NDArray[np.float32]


class BabyAIPolicyOptions(ModelOptions):
    """Which weights."""

    weights: str = ""
    """A .safetensors file that `sensorium train babyai` wrote; the bundled ones, which know
    BabyAI-GoToLocal-v0, if left out."""


class BabyAIPolicy(Model[PolicyRequest, PolicyResult]):
    """Chooses the likeliest action; the same request always has the same answer."""

    Options = BabyAIPolicyOptions
    _network: BabyAINetwork | None = None
    _device = "cpu"

    @classmethod
    def weights(cls, options: BabyAIPolicyOptions) -> dict[str, str]:
        """The sha256 of its file."""
        return weights_of(options.weights) if options.weights else weights_of(NAME, WEIGHTS)

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            from sensorium_models.policies.babyai import BabyAINetwork
        except ModuleNotFoundError as error:
            remedy = 'Run: pip install "sensorium[language]"'
            raise MissingDependency("the BabyAI policy", str(error.name), remedy) from error
        asked = self.options.weights
        path = Path(asked).expanduser() if asked else ModelStore().path(NAME, WEIGHTS)
        network = BabyAINetwork()
        try:
            network.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise ModelUnavailable(NAME, f"{path} holds no weights of it: {reason}") from error
        self._network, self._device = network.eval().to(device), device

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        self.infer([{"view": None, "mission": "", "memory": None}])

    def infer(self, batch: Sequence[PolicyRequest]) -> list[PolicyResult]:
        """Decide for each; raises BadInput for a view or memory of another size."""
        if self._network is None:
            raise ModelError(NAME, "call load() before infer()")
        if not batch:
            return []
        import torch

        from sensorium_models.policies.babyai import tokens_of

        views = torch.from_numpy(np.stack([_view(request) for request in batch]))
        memory = torch.from_numpy(np.stack([_memory(request) for request in batch]))
        tokens = tokens_of(request["mission"] for request in batch)
        with torch.inference_mode():
            queries = self._network.read(tokens.to(self._device))
            logits, after = self._network(
                views[:, None].to(self._device), queries, memory[None].to(self._device)
            )
        actions = logits[:, 0].argmax(-1).tolist()
        memories = after[0].cpu().numpy()
        return [
            {"action": action, "memory": memories[row].copy()} for row, action in enumerate(actions)
        ]

    def unload(self) -> None:
        """Let go of the network."""
        self._network = None


def _view(request: PolicyRequest) -> NDArray[np.int64]:
    view = request["view"]
    if view is None:
        return np.zeros(VIEW, np.int64)
    if np.size(view) != np.prod(VIEW):
        raise BadInput(f"a view is 7x7 cells of 3 numbers, not {np.shape(view)}")
    return np.asarray(view).reshape(VIEW).astype(np.int64)


def _memory(request: PolicyRequest) -> NDArray[np.float32]:
    memory = request["memory"]
    if memory is None:
        return np.zeros(MEMORY, np.float32)
    if np.shape(memory) != (MEMORY,):
        raise BadInput(f"the memory of an episode is ({MEMORY},), not {np.shape(memory)}")
    return np.asarray(memory, np.float32)
