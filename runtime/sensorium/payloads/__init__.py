"""Payloads: what events carry. Frozen, typed, registered, with a JSON schema and a wire codec."""

from sensorium.payloads.acting import Action, ActionResult, Observation, Plan, State
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload, Shed, payload
from sensorium.payloads.dialogue import GroundedTurn, Reply, ReplyPart, SpeechDone, UserTurn
from sensorium.payloads.media import Audio, Image, Text
from sensorium.payloads.percepts import (
    Classes,
    Detections,
    Embedding,
    Percept,
    SpeechStarted,
    TextLines,
    Transcript,
    Utterance,
    WorldState,
)
from sensorium.payloads.registry import PayloadRegistry
from sensorium.payloads.system import (
    ComponentEnded,
    ComponentFailed,
    ComponentReady,
    EventsDropped,
    Interrupted,
    LoopBlocked,
    Metric,
    RequestRetried,
    SourceState,
    WorkerLost,
    WorkerReady,
    WorkerRestarted,
)

__all__ = [
    "Action", "ActionResult", "Array", "Audio", "Classes", "ComponentEnded", "ComponentFailed",
    "ComponentReady", "Detections", "Embedding", "EventsDropped", "GroundedTurn", "Image",
    "Interrupted", "LoopBlocked", "Metric", "Observation", "Payload", "PayloadRegistry", "Percept",
    "Plan", "Reply", "ReplyPart", "RequestRetried", "Shed", "SourceState", "SpeechDone",
    "SpeechStarted", "State", "Text", "TextLines", "Transcript", "UserTurn", "Utterance",
    "WorkerLost", "WorkerReady", "WorkerRestarted", "WorldState", "payload",
]  # fmt: skip
