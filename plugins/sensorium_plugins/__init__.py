"""The bundled plugins: every feature of Sensorium, through the hooks a stranger would use.

Classes are registered by name (``"module:Class"``) and imported when an agent uses them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorium.plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry
    from sensorium.plugins.hookspecs import RegisterPayload
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
    "documents": "perception.documents:Documents",
    "lips": "perception.lips:Lips",
    "clip": "perception.clip:Clip",
    "text_embedding": "perception.text_embedding:TextEmbedding",
    "monitor": "embodied.monitoring:Monitor",
}
_FUSERS = {
    "turns": "fusion.turns:Turns",
    "world": "fusion.world:World",
    "join": "fusion.join:JoinTopics",
    "fusion_network": "fusion.network:FusionNetwork",
    "senses": "embodied.senses:SensesFuser",
    "audio_visual_speech": "perception.audio_visual_speech:AudioVisualSpeech",
}
_PLANNERS = {
    "video_chat": "planning.video:VideoChat",
    "chat": "planning.chat:Chat",
    "multimodal_chat": "planning.multimodal:MultimodalChat",
    "draw_on_request": "generation.planner:DrawOnRequest",
    "follow_sound": "embodied.planners:FollowSound",
    "push_by_sight": "embodied.continuous:PushBySight",
    "listener": "embodied.doom:Listener",
    "policy": "embodied.planners:Policy",
    "subgoals": "embodied.subgoals:Subgoals",
    "language": "embodied.language:Language",
    "language_skills": "embodied.language_skills:LanguageSkills",
}
_SIM_SOURCES = {"environment": "bridge.source:Environment"}
_SIM_PLANNERS = {
    "random": "bridge.planners:RandomPlanner",
    "oracle": "bridge.planners:OraclePlanner",
    "bearing_follower": "bridge.planners:BearingFollowerPlanner",
}
_SIM_ACTUATORS = {"environment_actuator": "bridge.actuator:EnvironmentActuator"}
_ACTUATORS = {
    "text_out": "action.text_out:TextOut",
    "speech": "action.speech:Speech",
    "draw": "generation.actuator:Draw",
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
    "face_mesh": "vision.facemesh:FaceMesh",
    "ocr": "vision.ocr:TextReader",
    "text_embedding": "text.embedding:TextEmbedding",
    "audio_visual_speech": "audio_visual_speech.model:AudioVisualSpeechModel",
    "documents": "documents.model:Documents",
    "clip": "clip.model:Clip",
    "video_language": "video_language.model:VideoModel",
    "multimodal": "multimodal.model:Multimodal",
    "text_to_image": "diffusion.model:TextToImage",
    "fusion_network": "fusion_networks.model:FusionModel",
    "babyai_policy": "policies.model:BabyAIPolicy",
    "doom_policy": "policies.doom.model:DoomPolicy",
    "avworld_policy": "policies.avworld.model:AVWorldPolicy",
    "language_model": "language.llama:LlamaModel",
    "language_model_transformers": "language.transformers_lm:TransformersModel",
    "language_model_openai": "language.openai_lm:OpenAIModel",
}
_COMMANDS = {
    "models": ("models:models", "The model store: list, pull, verify, path."),
    "export": ("export:export", "A recording as WAV, MP4, JSON lines, or for Rerun's viewer."),
    "doctor": ("doctor:doctor", "What this machine has, and what to do about what it lacks."),
    "bench": ("bench:bench", "Measure the event bus, recognition and start-up, beside peers."),
}


@hookimpl
def sensorium_register_payloads(register: RegisterPayload) -> None:
    """What environments say of themselves, and what is sensed in them."""
    from sensorium_plugins.embodied.payloads import ActionFailed, PlanFailed, Senses
    from sensorium_sims.bridge.payloads import Advice, EpisodeEnded, EpisodeStarted, Observed

    for kind in (EpisodeStarted, Observed, Advice, EpisodeEnded, Senses, ActionFailed, PlanFailed):
        register(kind)


@hookimpl
def sensorium_register_sources(registry: Registry[Any]) -> None:
    """Cameras, microphones, typed text, MQTT."""
    _add(registry, _SOURCES, "sensorium_plugins")
    _add(registry, _SIM_SOURCES, "sensorium_sims")


@hookimpl
def sensorium_register_perceivers(registry: Registry[Any]) -> None:
    """Speech, objects, faces, classes, reading, embeddings."""
    _add(registry, _PERCEIVERS, "sensorium_plugins")


@hookimpl
def sensorium_register_fusers(registry: Registry[Any]) -> None:
    """Turn taking, the world state, joins of any topics, senses."""
    _add(registry, _FUSERS, "sensorium_plugins")


@hookimpl
def sensorium_register_planners(registry: Registry[Any]) -> None:
    """The grounded chat, and planners in a world."""
    _add(registry, _PLANNERS, "sensorium_plugins")
    _add(registry, _SIM_PLANNERS, "sensorium_sims")


@hookimpl
def sensorium_register_actuators(registry: Registry[Any]) -> None:
    """Text, speech, MQTT commands."""
    _add(registry, _ACTUATORS, "sensorium_plugins")
    _add(registry, _SIM_ACTUATORS, "sensorium_sims")


@hookimpl
def sensorium_register_sinks(registry: Registry[Any]) -> None:
    """MQTT, the recorder."""
    _add(registry, _SINKS, "sensorium_plugins")
    registry.add("recorder", "sensorium.recording.recorder:Recorder")


@hookimpl
def sensorium_register_models(registry: Registry[Any]) -> None:
    """The pretrained models of the store."""
    _add(registry, _MODELS, "sensorium_models")


@hookimpl
def sensorium_register_environments(registry: EnvironmentRegistry) -> None:
    """The audio-visual-language world, BabyAI, MiniGrid and ViZDoom."""
    from sensorium_sims.balrog import register_balrog
    from sensorium_sims.registered import register_bundled

    register_bundled(registry)
    register_balrog(registry)


@hookimpl
def sensorium_register_commands(cli: Any) -> None:
    """``models``, ``doctor`` and ``bench``."""
    for name, (target, summary) in _COMMANDS.items():
        cli.add_lazy(name, f"sensorium_plugins.commands.{target}", summary)


@hookimpl
def sensorium_register_routes(app: Any) -> None:
    """Health, metrics, statistics and the live page."""
    from sensorium.web.routes import add_routes

    add_routes(app)


def _add(registry: Registry[Any], names: dict[str, str], package: str) -> None:
    for name, target in names.items():
        registry.add(name, f"{package}.{target}")
