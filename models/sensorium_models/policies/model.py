"""The BabyAI policy as an executor hosts it: a view and an instruction in, an action out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from sensorium_models.policies.babyai import BabyAINetwork

NAME = "the BabyAI policy"
BUNDLED = ("babyai-goto", "babyai-local")
"""Names in the model store; each file says which levels it was taught. The last plays any other."""
VIEW = (7, 7, 3)


class PolicyRequest(TypedDict):
    """One moment of an episode."""

    view: NDArray[Any] | None
    """147 numbers: MiniGrid's 7x7 cells of object, colour and state; None: nothing is seen."""
    mission: str
    memory: NDArray[np.float32] | None
    """(M,) of the result before; None when an episode begins."""
    level: NotRequired[str]
    """Gymnasium's id of the environment: bundled weights are chosen by it."""


class PolicyResult(TypedDict):
    """What to do."""

    action: int
    """0 to 6: MiniGrid's left, right, forward, pickup, drop, toggle, done."""
    memory: NDArray[np.float32]
    policy: str
    """The weights that decided: a name of the store, or a file."""
    taught: bool
    """Whether these were taught the level; also True where nobody can tell."""


class BabyAIPolicyOptions(ModelOptions):
    """Which weights."""

    weights: str = ""
    """A .safetensors file that `sensorium train babyai` wrote, or the name of bundled weights;
    if left out, those of the bundled ones that were taught the level."""


class BabyAIPolicy(Model[PolicyRequest, PolicyResult]):
    """Chooses the likeliest action; the same request always has the same answer."""

    Options = BabyAIPolicyOptions
    _device = "cpu"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._held: list[_Held] = []

    @classmethod
    def weights(cls, options: BabyAIPolicyOptions) -> dict[str, str]:
        """The sha256 of its files."""
        if options.weights and options.weights not in BUNDLED:
            return weights_of(options.weights)
        names = [options.weights] if options.weights else BUNDLED
        return {k: v for name in names for k, v in weights_of(name, _file(name)).items()}

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no such file."""
        try:
            from sensorium_models.policies.files import load_network
        except ModuleNotFoundError as error:
            remedy = 'Run: pip install "sensorium[language]"'
            raise MissingDependency(NAME, str(error.name), remedy) from error
        asked = self.options.weights
        held = []
        for name in [asked] if asked else BUNDLED:
            path = ModelStore().path(name, _file(name)) if name in BUNDLED else Path(name)
            network, levels = load_network(path.expanduser())
            held.append(_Held(name, network.to(device), levels))
        self._held, self._device = held, device

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        self.infer([{"view": None, "mission": "", "memory": None}])

    def infer(self, batch: Sequence[PolicyRequest]) -> list[PolicyResult]:
        """Decide for each; raises BadInput for a view or memory of another size."""
        if not self._held:
            raise ModelError(NAME, "call load() before infer()")
        groups: dict[int, list[int]] = {}
        for row, request in enumerate(batch):
            groups.setdefault(self._choose(request.get("level", "")), []).append(row)
        answers: dict[int, PolicyResult] = {}
        for at, rows in groups.items():
            found = self._decide(self._held[at], [batch[row] for row in rows])
            answers |= dict(zip(rows, found, strict=True))
        return [answers[row] for row in range(len(batch))]

    def _choose(self, level: str) -> int:
        """The first that was taught the level; the last if none was."""
        taught = (at for at, held in enumerate(self._held) if level in held.levels)
        return next(taught, len(self._held) - 1)

    def _decide(self, held: _Held, batch: Sequence[PolicyRequest]) -> list[PolicyResult]:
        import torch

        from sensorium_models.policies.babyai import tokens_of

        network = held.network
        views = torch.from_numpy(np.stack([_view(request) for request in batch]))
        kept = np.stack([_memory(request, network.remembers) for request in batch])
        tokens = tokens_of(request["mission"] for request in batch)
        with torch.inference_mode():
            queries = network.read(tokens.to(self._device))
            memory = torch.from_numpy(kept)[None].to(self._device)
            logits, after = network(views[:, None].to(self._device), queries, memory)
        actions = logits[:, 0].argmax(-1).tolist()
        memories = after[0].cpu().numpy()
        return [
            {
                "action": action,
                "memory": memories[row].copy(),
                "policy": held.name,
                "taught": held.knows(batch[row].get("level", "")),
            }
            for row, action in enumerate(actions)
        ]

    def unload(self) -> None:
        """Let go of the networks."""
        self._held = []


@dataclass(frozen=True, slots=True)
class _Held:
    name: str
    network: BabyAINetwork
    levels: tuple[str, ...]

    def knows(self, level: str) -> bool:
        return not level or not self.levels or level in self.levels


def _file(name: str) -> str:
    return f"{name}.safetensors"


def _view(request: PolicyRequest) -> NDArray[np.int64]:
    view = request["view"]
    if view is None:
        return np.zeros(VIEW, np.int64)
    if np.size(view) != np.prod(VIEW):
        raise BadInput(f"a view is 7x7 cells of 3 numbers, not {np.shape(view)}")
    return np.asarray(view).reshape(VIEW).astype(np.int64)


def _memory(request: PolicyRequest, size: int) -> NDArray[np.float32]:
    memory = request["memory"]
    if memory is None:
        return np.zeros(size, np.float32)
    if np.shape(memory) != (size,):
        raise BadInput(f"the memory of an episode is ({size},), not {np.shape(memory)}")
    return np.asarray(memory, np.float32)
