"""Every error Sensorium raises, in one tree.

The facts of an error are attributes as well as words, so a supervisor decides by type and
attribute, never by matching a message. ``retryable`` says whether trying again can help.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class SensoriumError(Exception):
    """Root of the tree. Catch this to catch everything Sensorium raises on purpose."""

    retryable: ClassVar[bool] = False


class SettingsError(SensoriumError):
    """A settings file or value cannot be used. Raised while settings load.

    ``key`` is the dotted key at fault (empty for the whole file), ``origin`` the file or
    environment variable it came from.
    """

    def __init__(self, message: str, *, key: str = "", origin: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.origin = origin


class TopicError(SensoriumError):
    """A topic or a topic pattern is malformed. Raised by the bus and by settings."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"bad topic {topic!r}: {reason}")
        self.topic = topic


class PayloadError(SensoriumError):
    """A payload cannot be built, encoded or decoded. Raised at the borders (wire, JSON, files)."""


class BusError(SensoriumError):
    """Root of what the bus itself raises."""


class BusClosed(BusError):
    """The bus or the subscription was closed. Raised to publishers and waiting subscribers."""


class MailboxFull(BusError):
    """``publish_nowait`` met a mailbox that may drop nothing and has no room.

    ``subscription`` names the mailbox.
    """

    retryable = True

    def __init__(self, subscription: str) -> None:
        super().__init__(
            f"mailbox {subscription!r} is full and drops nothing: await publish() instead"
        )
        self.subscription = subscription


class PluginError(SensoriumError):
    """A plugin could not be loaded or broke a rule of the hooks. ``plugin`` names it."""

    def __init__(self, plugin: str, message: str) -> None:
        super().__init__(f"plugin {plugin!r}: {message}")
        self.plugin = plugin


class DuplicateName(PluginError):
    """Two plugins registered one name. Raised by a registry; the first registration stands."""


class UnknownName(SensoriumError):
    """A registry was asked for a name it does not hold; the message lists what it does hold."""

    def __init__(self, kind: str, name: str, known: Iterable[str], how_to_add: str) -> None:
        names = sorted(known)
        listed = ", ".join(names) if names else "none at all"
        close = get_close_matches(name, names, n=1)
        guess = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(f"no {kind} named {name!r}.{guess} There are: {listed}. {how_to_add}")
        self.kind = kind
        self.name = name
        self.known = tuple(names)


class ComponentError(SensoriumError):
    """A component failed or was put together wrongly. ``component`` names it."""

    def __init__(self, component: str, message: str) -> None:
        super().__init__(f"component {component!r}: {message}")
        self.component = component


class SourceUnavailable(SensoriumError):
    """A camera, microphone, file or URL cannot be opened, now. Retrying may help."""

    retryable = True


class BadInput(SensoriumError):
    """A file or message is not what it should be (not an image, not audio, empty, too large)."""


class EffectRefused(SensoriumError):
    """An effect of this id is under way, was done, or may have been. Raised by the ledger.

    ``state`` and ``detail`` are those of its entry.
    """

    def __init__(self, effect_id: str, state: str, detail: str = "") -> None:
        why = f" ({detail})" if detail else ""
        super().__init__(f"effect {effect_id!r} is not done again: its state is {state}{why}")
        self.effect_id = effect_id
        self.state = state
        self.detail = detail


class RecordingError(BadInput):
    """A recording is damaged, or is none. Raised by its reader, after all that can be read.

    ``path`` names the file, ``offset`` the byte in it where the trouble begins.
    """

    def __init__(self, path: object, offset: int, message: str) -> None:
        super().__init__(f"{path}, byte {offset}: {message}")
        self.path = str(path)
        self.offset = offset


class SimulationError(SensoriumError):
    """An episode of an environment failed. ``environment`` is its id. By ``sensorium_sims``."""

    def __init__(self, environment: str, message: str) -> None:
        super().__init__(f"environment {environment!r}: {message}")
        self.environment = environment


class EnvironmentFailed(SimulationError):
    """The environment raised while it was made, reset, stepped or drawn."""


class EnvironmentHung(SimulationError):
    """The environment, or its expert, did not answer within ``seconds``."""

    def __init__(self, environment: str, doing: str, seconds: float) -> None:
        super().__init__(environment, f"{doing} did not return within {seconds:g} s")
        self.seconds = seconds


class BadObservation(SimulationError):
    """The environment gave an observation or reward that it does not declare, or not a number."""


class OutsideActionSpace(SimulationError):
    """A plan holds a step that is not in the action space."""


class AgentSilent(SimulationError):
    """No plan came for an observation."""


class RunFailed(SimulationError):
    """A run in another process ended for a reason that no episode can do without.

    ``kind`` is the name of the error there, such as UnknownName or ModelUnavailable.
    """

    def __init__(self, environment: str, kind: str, text: str) -> None:
        super().__init__(environment, f"{kind}: {text}")
        self.kind = kind
        self.text = text


class MissingDependency(SensoriumError):
    """A library or system package that a feature needs is absent; the message says the remedy."""

    def __init__(self, feature: str, missing: str, remedy: str) -> None:
        super().__init__(f"{feature} needs {missing}, which is not installed. {remedy}")
        self.feature = feature
        self.missing = missing
        self.remedy = remedy


class ModelError(SensoriumError):
    """A model failed to load or to infer. ``model`` names it."""

    def __init__(self, model: str, message: str) -> None:
        super().__init__(f"model {model!r}: {message}")
        self.model = model


class ModelUnavailable(ModelError):
    """Weights are not in the store and could not be fetched. Raised by the model store."""


class ModelCorrupt(ModelError):
    """A stored file does not have the size or hash of its manifest entry. Raised by the store."""


class TrainingDiverged(ModelError):
    """A loss or gradient is not a finite number. Raised by the trainer, before the step is taken.

    ``step`` is the one that was not taken, ``what`` the loss at fault. The last good checkpoint
    stays as it was.
    """

    def __init__(self, model: str, step: int, what: str, remedy: str) -> None:
        super().__init__(model, f"{what} is not a finite number at step {step}. {remedy}")
        self.step = step
        self.what = what


class ShutdownTimeout(SensoriumError):
    """A stage of shutdown ran out of time; ``blocking`` names who had not stopped."""

    def __init__(self, stage: str, blocking: Iterable[str]) -> None:
        self.stage = stage
        self.blocking = tuple(blocking)
        super().__init__(
            f"shutdown stage {stage!r} timed out; still running: {', '.join(self.blocking)}"
        )


class Cancelled(SensoriumError):
    """A request was cancelled before it finished (an interruption, a newer request)."""


class OutputFailed(SensoriumError):
    """A result cannot be written or played: disk full, no permission, device gone."""


class RecordingFailed(OutputFailed):
    """A recording cannot be begun or gone on with. Raised by the recorder.

    Trying again would only begin another file on the same full disk, so nobody does.
    """


class WorkerLost(ModelError):
    """The worker process died and the request was not, or may not be, tried again. By the pool.

    ``worker`` names it.
    """

    retryable = True

    def __init__(self, model: str, worker: str, message: str) -> None:
        super().__init__(model, f"worker {worker!r} was lost: {message}")
        self.worker = worker


class DeadlineExceeded(ModelError):
    """A request was not answered within its deadline of ``seconds``. Raised by every executor."""

    retryable = True

    def __init__(self, model: str, seconds: float) -> None:
        super().__init__(model, f"no answer within {seconds:g} s")
        self.seconds = seconds


class PoisonedRequest(ModelError):
    """A request killed its worker each time it ran alone; it is not tried again. By the pool.

    ``request`` is its id, ``deaths`` how many workers it took with it.
    """

    def __init__(self, model: str, request: int, deaths: int) -> None:
        super().__init__(
            model,
            f"request {request} was running alone each of the {deaths} times its worker died;"
            " it is not tried again. Look at its input",
        )
        self.request = request
        self.deaths = deaths
