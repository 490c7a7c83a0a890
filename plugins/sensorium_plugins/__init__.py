"""The bundled plugins: every feature of Sensorium, through the hooks a stranger would use.

Classes are registered by name (``"module:Class"``) and imported when an agent uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorium.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from sensorium.plugins.registry import Registry

_SOURCES = {
    "camera": "sources.camera:Camera",
    "microphone": "sources.microphone:Microphone",
    "text": "sources.text:TextSource",
    "mqtt_in": "bridges.mqtt_in:MqttIn",
}
_PERCEIVERS = {
    "voice_activity": "perception.voice_activity:VoiceActivity",
    "speech_to_text": "perception.speech_to_text:SpeechToText",
    "image_classes": "perception.image_classes:ImageClasses",
    "object_detection": "perception.detection:ObjectDetection",
    "faces": "perception.detection:Faces",
    "ocr": "perception.ocr:Ocr",
    "text_embedding": "perception.text_embedding:TextEmbedding",
}
_FUSERS = {"turns": "fusion.turns:Turns", "world": "fusion.world:World"}
_PLANNERS = {"chat": "planning.chat:Chat"}
_ACTUATORS = {
    "text_out": "action.text_out:TextOut",
    "speech": "action.speech:Speech",
    "mqtt_actuator": "bridges.mqtt_actuator:MqttActuator",
}
_SINKS = {"mqtt_out": "bridges.mqtt_out:MqttOut"}
_MODELS = {
    "voice_activity": "speech.vad:VoiceActivity",
    "speech_to_text": "speech.whisper:SpeechToText",
    "text_to_speech": "speech.tts:TextToSpeech",
    "image_classes": "vision.mobilenet:ImageClassifier",
    "object_detection": "vision.centernet:ObjectDetector",
    "face_detection": "vision.blazeface:FaceDetector",
    "ocr": "vision.ocr:TextReader",
    "text_embedding": "text.embedding:TextEmbedding",
    "language_model": "language.llama:LlamaModel",
    "language_model_transformers": "language.transformers_lm:TransformersModel",
    "language_model_openai": "language.openai_lm:OpenAIModel",
}
_COMMANDS = {
    "models": ("models:models", "The model store: list, pull, verify, path."),
    "doctor": ("doctor:doctor", "What this machine has, and what to do about what it lacks."),
    "bench": ("bench:bench", "Measure the event bus, recognition and start-up, beside peers."),
}


@hookimpl
def sensorium_register_sources(registry: Registry[Any]) -> None:
    """Cameras, microphones, typed text, MQTT."""
    _add(registry, _SOURCES, "sensorium_plugins")


@hookimpl
def sensorium_register_perceivers(registry: Registry[Any]) -> None:
    """Speech, objects, faces, classes, reading, embeddings."""
    _add(registry, _PERCEIVERS, "sensorium_plugins")


@hookimpl
def sensorium_register_fusers(registry: Registry[Any]) -> None:
    """Turn taking and the world state."""
    _add(registry, _FUSERS, "sensorium_plugins")


@hookimpl
def sensorium_register_planners(registry: Registry[Any]) -> None:
    """The grounded chat."""
    _add(registry, _PLANNERS, "sensorium_plugins")


@hookimpl
def sensorium_register_actuators(registry: Registry[Any]) -> None:
    """Text, speech, MQTT commands."""
    _add(registry, _ACTUATORS, "sensorium_plugins")


@hookimpl
def sensorium_register_sinks(registry: Registry[Any]) -> None:
    """MQTT."""
    _add(registry, _SINKS, "sensorium_plugins")


@hookimpl
def sensorium_register_models(registry: Registry[Any]) -> None:
    """The pretrained models of the store."""
    _add(registry, _MODELS, "sensorium_models")


@hookimpl
def sensorium_register_commands(cli: Any) -> None:
    """``models``, ``doctor`` and ``bench``."""
    for name, (target, summary) in _COMMANDS.items():
        cli.add_lazy(name, f"sensorium_plugins.commands.{target}", summary)


def _add(registry: Registry[Any], names: dict[str, str], package: str) -> None:
    for name, target in names.items():
        registry.add(name, f"{package}.{target}")
