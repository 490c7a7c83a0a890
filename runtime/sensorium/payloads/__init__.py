"""Payloads: what events carry. Frozen, typed, registered, with a JSON schema and a wire codec."""

from sensorium.payloads.acting import Action, ActionResult, Effect, Observation, Plan, State
from sensorium.payloads.arrays import Array
from sensorium.payloads.base import Payload, Shed, payload
from sensorium.payloads.dialogue import (
    FirstSound,
    GroundedTurn,
    Reply,
    ReplyPart,
    SpeechDone,
    UserTurn,
)
from sensorium.payloads.fusion import (
    AlignedMember,
    AlignedSet,
    ClockEstimate,
    FusionStatistics,
    StreamState,
)
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
    TurnTiming,
    WorkerLost,
    WorkerReady,
    WorkerRestarted,
)

__all__ = [
    "Action", "ActionResult", "AlignedMember", "AlignedSet", "Array", "Audio", "Classes",
    "ClockEstimate", "ComponentEnded", "ComponentFailed", "ComponentReady", "Detections", "Effect",
    "Embedding", "EventsDropped", "FirstSound", "FusionStatistics", "GroundedTurn", "Image",
    "Interrupted", "LoopBlocked", "Metric", "Observation", "Payload", "PayloadRegistry", "Percept",
    "Plan", "Reply", "ReplyPart", "RequestRetried", "Shed", "SourceState", "SpeechDone",
    "SpeechStarted", "State", "StreamState", "Text", "TextLines", "Transcript", "TurnTiming",
    "UserTurn", "Utterance", "WorkerLost", "WorkerReady", "WorkerRestarted", "WorldState",
    "payload",
]  # fmt: skip
