"""The event bus and its mailboxes."""

from sensorium.bus.bus import EventBus
from sensorium.bus.merge import Merged
from sensorium.bus.subscription import Subscription, SubscriptionStatistics

__all__ = ["EventBus", "Merged", "Subscription", "SubscriptionStatistics"]
