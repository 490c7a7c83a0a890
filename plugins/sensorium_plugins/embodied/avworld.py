"""What the learned policy of AVWorld is asked, made of an agent's senses."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensorium_plugins.embodied.payloads import Senses

ENVIRONMENTS = "sensorium/AVWorld-"
"""Ids that begin so are this policy's."""
MODEL = "avworld_policy"


def known(level: str) -> bool:
    """Whether an environment's id is one of AVWorld's."""
    return level.startswith(ENVIRONMENTS)


def request_of(senses: Senses, memory: Any) -> dict[str, Any]:
    """A request of :class:`sensorium_models.policies.avworld.model.AVWorldPolicy`; what is
    unplugged is None, 0 or empty."""
    ears = np.stack([ear.samples for ear in senses.ears]) if senses.ears else None
    return {
        "camera": None if senses.image is None else senses.image.data,
        "ears": ears,
        "mission": senses.text,
        "carry": int(senses.values.get("carry", 0)),
        "touch": int(senses.values.get("touch", 0)),
        "memory": memory,
    }
