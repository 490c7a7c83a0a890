"""The effects ledger: what was done to the world, each thing at most once."""

from sensorium.effects.ledger import Effects, Ledger, OpenEffect
from sensorium.effects.options import EffectsOptions

__all__ = ["Effects", "EffectsOptions", "Ledger", "OpenEffect"]
