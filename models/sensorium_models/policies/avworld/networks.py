"""All the networks of the policy in one file of weights, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sensorium_models.policies.avworld.chooser import Chooser
from sensorium_models.policies.avworld.percepts import Percept, perceive
from sensorium_models.policies.avworld.reading import (
    BEFORE,
    LISTENS,
    Readers,
    chances,
    numbers_of,
)  # fmt: skip
from sensorium_models.policies.avworld.sensing import Senses
from sensorium_models.policies.avworld.slots import ALL, Slots
from sensorium_sims.avworld.sounds import CHUNK

F32 = NDArray[np.float32]


class Networks(nn.Module):
    """Senses, readers, chooser."""

    def __init__(self) -> None:
        super().__init__()
        self.senses = Senses()
        self.readers = Readers()
        self.chooser = Chooser()

    @classmethod
    def load(cls, path: Path) -> Networks:
        """From one file, ready to be used. Weights may be kept in half precision."""
        from safetensors.torch import load_file

        networks = cls()
        state = {name: tensor.float() if tensor.is_floating_point() else tensor
                 for name, tensor in load_file(path).items()}  # fmt: skip
        networks.load_state_dict(state)
        return networks.eval()

    def perceive(self, observation: Mapping[str, Any]) -> Percept:
        """What is seen and heard in one observation of the environment."""
        return perceive(self.senses, [observation["camera"]], [observation["audio"]])[0]

    def reading(self) -> Reading:
        """A new instruction is to be read."""
        return Reading(self)

    def choose(self, options: F32) -> F32:
        """(K, F) numbers of options -> (K,) logs of their chances."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            given = torch.from_numpy(options)[None].to(device)
            found = self.chooser(given, torch.ones(given.shape[:2], device=device))
        chosen: F32 = found[0].cpu().numpy()
        return chosen


class Reading:
    """What is known of an instruction: written words are read at once, spoken ones as they come."""

    def __init__(
        self, networks: Networks, state: F32 | None = None, step: int = 0, flat: F32 | None = None
    ) -> None:
        self._networks = networks
        self.state, self.step, self.flat = state, step, flat
        self._text = ""

    def read(self, observation: Mapping[str, Any]) -> Slots:
        """Take one observation; what is known of the instruction now."""
        return self.take(str(observation["mission"]), observation["audio"])

    def take(self, text: str, sound: F32 | None) -> Slots:
        """The same of the words and (2, 3200) of sound; None is silence."""
        readers = self._networks.readers
        self.step += 1
        if text:
            if text != self._text or self.flat is None:
                self._text = text
                with torch.inference_mode():
                    self.flat = chances(readers.text(numbers_of([text])))[0].numpy()
        elif self.step <= LISTENS or self.flat is None:
            heard = np.zeros(CHUNK, np.float32) if sound is None else sound.mean(0)
            before = np.zeros(ALL + BEFORE, np.float32) if self.state is None else self.state
            whole = np.concatenate([before[ALL:], heard])
            found = None if self.state is None else torch.from_numpy(before[:ALL].copy())[None]
            with torch.inference_mode():
                logits = readers.speech(torch.from_numpy(whole)[None], found)
                self.flat = chances(logits)[0].numpy()
            self.state = np.concatenate([logits[0].numpy(), whole[CHUNK:]])
        assert self.flat is not None
        return Slots.of(self.flat)
