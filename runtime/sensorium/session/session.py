"""A session: one run of one agent, from its settings to its orderly end.

Components start in dependency-free order: every mailbox is opened, every processor sets itself
up, and only when all of them are ready do the sources begin. The end comes in stages, each with
a time limit and the names of whoever still blocks: sources stop, what is under way drains, what
is left is cancelled, models unload.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from sensorium.bus import EventBus, SubscriptionStatistics
from sensorium.clocks import Clock, WallClock
from sensorium.components import Component
from sensorium.effects import Ledger
from sensorium.effects.journal import Journal
from sensorium.errors import (
    ComponentError,
    PluginError,
    SensoriumError,
    ShutdownTimeout,
    UnknownName,
)
from sensorium.events import AnyEvent
from sensorium.payloads.acting import Effect
from sensorium.payloads.base import Payload
from sensorium.payloads.system import ComponentFailed, EventsDropped, Interrupted
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.plugins.manager import Plugins, load_plugins
from sensorium.session.hosting import executor_of, model_settings
from sensorium.session.runner import Runner
from sensorium.session.surroundings import Surroundings
from sensorium.session.tasks import TaskScope
from sensorium.session.tracing import SessionTrace, TracedSurroundings
from sensorium.session.watchdog import Watchdog
from sensorium.session.wiring import Part, part_of, parts_of
from sensorium.settings import ComponentSettings, Settings
from sensorium.telemetry.telemetry import telemetry_of
from sensorium.trace import UNTRACED, Stopped
from sensorium.web.console import Console, open_console
from sensorium.workers.executor import Executor, ModelHandle

log = logging.getLogger("sensorium.session")

DROP_REPORT_S = 1.0


class Session:
    """Runs the agent that ``settings`` describe. Use it as ``async with Session(settings) as s``.

    Raises :class:`SettingsError` or :class:`UnknownName` before anything starts when settings
    and plugins do not fit.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins | None = None,
        clock: Clock | None = None,
        bus: EventBus | None = None,
    ) -> None:
        self.settings = settings
        self.plugins = plugins or load_plugins(
            modules=settings.plugins.modules, disabled=settings.plugins.disabled
        )
        self.clock = clock or WallClock()
        self.bus = bus or EventBus(self.clock)
        self.scope = TaskScope(self._task_failed)
        self.started = asyncio.Event()
        """Set once every processor is ready; sources wait for it."""
        self.stop_reason = ""
        self.failures: Counter[str] = Counter()
        """Failures by component."""
        self.runners: dict[str, Runner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        models = model_settings(settings, self.plugins)
        executor = executor_of(models, settings, self.plugins, self._announce_worker)
        self.telemetry = telemetry_of(settings.telemetry, settings.agent.name, self.bus)
        self._executor = self.telemetry.metered(executor) if self.telemetry else executor
        self.console: Console | None = None
        handles = {name: ModelHandle(self._executor, name, self.clock) for name in models}
        self.models: Mapping[str, ModelHandle] = MappingProxyType(handles)
        self.trace: SessionTrace | None = None
        self.surroundings = Surroundings(self.clock, self.models)
        self.ledger = Ledger(
            self.clock,
            self._publish_effect,
            remember=settings.effects.remember,
            journal=Journal(Path(settings.effects.journal)) if settings.effects.journal else None,
        )
        self._watchdog = Watchdog(settings.watchdog, self.announce_soon)
        self._reported: dict[str, Counter[str]] = {}

    async def __aenter__(self) -> Session:
        parts, broken = self._parts()
        self._surround(parts)
        self.runners |= {name: Runner(self, part) for name, part in parts.items()}
        try:
            for runner in self.runners.values():
                runner.subscribe()
            self._before_start()
            self.console = await open_console(self)
            if self.telemetry is not None:
                self.telemetry.start(self)
            await self._start_all([runner for runner in self.runners.values() if runner.traces])
            await self.ledger.open()
            await self._start_all([runner for runner in self.runners.values() if not runner.traces])
        except BaseException:
            await self.stop()
            raise
        self._watchdog.start()  # loading models may hold the interpreter; from here nothing should
        self.started.set()
        for name, error in broken.items():
            await self._announce_broken(name, error)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start_component(self, name: str, spec: ComponentSettings) -> Runner:
        """Add a component to the running session; returns when it is ready or has failed."""
        held = self.runners.get(name)
        if held is not None and not held.ended.is_set():
            raise ComponentError(name, "a component of this name is running already")
        runner = Runner(self, part_of(name, spec, self.plugins))
        runner.subscribe()
        self.runners[name] = runner
        self._start(runner)
        await runner.ready.wait()
        return runner

    async def stop_component(self, name: str) -> None:
        """End one component and forget it.

        Raises :class:`UnknownName` when there is none, :class:`ShutdownTimeout` when it will not
        end.
        """
        task = self._tasks.get(name)
        if task is None:
            adding = "start_component adds one."
            raise UnknownName("running component", name, self._tasks, adding)
        self._note_stop(self.runners[name])
        task.cancel()
        await asyncio.wait([task], timeout=self.settings.shutdown.cancel_s)
        if not task.done():
            raise ShutdownTimeout(f"stopping {name}", [name])
        del self.runners[name], self._tasks[name]

    async def wait(self) -> str:
        """Return, with the reason, once a stop was asked for or all sources ended."""
        while not self._stop.is_set():
            sources = [r for r in self.runners.values() if r.is_source]
            if all(source.ended.is_set() for source in sources) and self._is_idle():
                await self._let_loop_turn()
                if not self._is_idle():
                    continue
                if not any(runner.unfinished for runner in self.runners.values()):
                    return "every source reached its end"
            await self._wait_changed()
        return self.stop_reason

    def request_stop(self, reason: str) -> None:
        """Make :meth:`wait` return soon."""
        self.stop_reason = self.stop_reason or reason
        self._stop.set()
        self.activity()

    async def settled(self) -> None:
        """Return when no component but the sources has anything left to do."""
        while True:
            await self._let_loop_turn()
            if self._is_idle():
                return
            await self._wait_changed()

    async def interrupt(self, reason: str) -> None:
        """Stop what is being said and planned, now."""
        await self.announce(Interrupted(reason))

    async def announce(self, payload: Payload, *, source: str = "session") -> None:
        """Publish a system event on ``system/<its type's name>``."""
        await self.bus.publish(f"system/{payload.type_name}", payload, source=source)

    def announce_soon(self, payload: Payload) -> None:
        """:meth:`announce`, from code that cannot wait."""
        self.scope.spawn(self.announce(payload), name=f"announce {payload.type_name}")

    async def stop(self) -> None:
        """End the session in stages. Raises :class:`ShutdownTimeout` naming who would not end."""
        limits = self.settings.shutdown
        for name, runner in self.runners.items():
            if runner.is_source and name in self._tasks:
                self._tasks[name].cancel()
        await self._drain(limits.drain_s)
        stuck = await self._cancel_runners(limits.cancel_s, tracing=False)
        self._report_new_drops()
        await self._let_loop_turn()  # what was announced last goes out
        stuck += await self._cancel_runners(limits.cancel_s, tracing=True)  # they note all of it
        if self.console is not None:
            await self.console.close(limits.cancel_s)
        stuck += await self.scope.cancel(limits.cancel_s)
        self._watchdog.stop()
        await self.ledger.close()
        self.bus.close()
        self.runners.clear()
        self._tasks.clear()
        hanging = await self._unload(limits.cancel_s)
        if self.telemetry is not None:
            await self.telemetry.close(limits.cancel_s)
        if stuck:
            raise ShutdownTimeout("cancel", stuck)
        if hanging:
            raise ShutdownTimeout("unload", hanging)

    async def _drain(self, timeout_s: float) -> None:
        """Let what is under way come to its end."""
        try:
            await asyncio.wait_for(self.settled(), timeout_s)
        except TimeoutError:
            busy = [name for name, r in self.runners.items() if not r.is_source and not r.idle]
            log.warning("still busy after %s s: %s; cancelling", timeout_s, ", ".join(busy))

    async def _unload(self, timeout_s: float) -> list[str]:
        """Unload the models; returns the names of those that are still at work."""
        try:
            await asyncio.wait_for(self._executor.close(), timeout_s)
        except TimeoutError:
            return self._executor.loaded
        except SensoriumError as error:
            log.error("unloading: %s", error)
        return []

    @property
    def executor(self) -> Executor:
        """Where the session's models run."""
        return self._executor

    # --- what runners ask of their session ----------------------------------------------------

    def activity(self) -> None:
        """Somebody became idle or ended: let those who wait for that look again."""
        self._changed.set()

    def report_drops(self, counts: SubscriptionStatistics, *, final: bool = False) -> None:
        """Announce what a subscription gave up since its last report."""
        total = Counter(counts.dropped)
        new = total - self._reported.get(counts.name, Counter())
        if final:
            self._reported.pop(counts.name, None)
        elif new:
            self._reported[counts.name] = total
        if new and not self.bus.closed:
            self.announce_soon(EventsDropped(counts.name, dict(new)))

    def count_failure(self, component: str) -> None:
        """Remember that ``component`` failed once more."""
        self.failures[component] += 1

    def ask_plugins(
        self, name: str, component: Component | None, error: Exception
    ) -> ErrorAction | None:
        """What plugins say should happen to the component, if any does."""
        return self.plugins.on_component_error(name, component, error)

    # --- details ------------------------------------------------------------------------------

    async def _announce_broken(self, name: str, error: PluginError) -> None:
        """A component's class cannot even be imported: the others run without it."""
        log.error("component %s cannot be used: %s", name, error)
        self.count_failure(name)
        failed = ComponentFailed(
            component=name,
            error=f"{type(error).__name__}: {error}",
            kind=type(error).__name__,
            action=ErrorAction.DISABLE.value,
            during="import",
            plugin=error.plugin,
        )
        await self.announce(failed)

    def _parts(self) -> tuple[dict[str, Part], dict[str, PluginError]]:
        """The parts to run by name, and the broken ones with the reason."""
        return parts_of(self.settings, self.plugins)

    def _surround(self, parts: Mapping[str, Part]) -> None:
        """Make what the components live by."""
        if any(part.component_class.traces for part in parts.values()):
            self.trace = SessionTrace(self.bus, self.settings, self.plugins)
            untraced = {n for n, p in parts.items() if p.component_class.kind in UNTRACED}
            self.surroundings = TracedSurroundings(self.clock, self.models, self.trace, untraced)

    def _before_start(self) -> None:
        """Every mailbox is open and nobody has begun."""
        self.scope.spawn(self._report_drops(), name="drop report")

    async def _start_all(self, runners: Sequence[Runner]) -> None:
        """Start these; returns when each is ready or has ended."""
        for runner in runners:
            self._start(runner)
        for runner in runners:
            await runner.ready.wait()

    def _start(self, runner: Runner) -> None:
        self._tasks[runner.name] = asyncio.get_running_loop().create_task(
            runner.run(), name=f"component {runner.name}"
        )

    async def _cancel_runners(self, timeout_s: float, *, tracing: bool) -> list[str]:
        tasks = {
            task: name
            for name, task in self._tasks.items()
            if not task.done() and self.runners[name].traces is tracing
        }
        for task, name in tasks.items():
            if not task.cancelling():  # a source that is closing already is left in peace
                self._note_stop(self.runners[name])
                task.cancel()
        if not tasks:
            return []
        _, stuck = await asyncio.wait(tasks, timeout=timeout_s)
        return sorted(tasks[task] for task in stuck)

    def _note_stop(self, runner: Runner) -> None:
        if self.trace is not None and runner.is_traced and not runner.ended.is_set():
            self.trace.note(Stopped(runner.name, self.clock.now(), self.trace.step()))

    def _is_idle(self) -> bool:
        return all(r.idle for r in self.runners.values() if not r.is_source or r.ended.is_set())

    async def _wait_changed(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    @staticmethod
    async def _let_loop_turn() -> None:
        """Let events that were just published reach their readers."""
        for _ in range(3):
            await asyncio.sleep(0)

    async def _report_drops(self) -> None:
        while True:
            await self.clock.sleep(DROP_REPORT_S, background=True)
            self._report_new_drops()

    def _report_new_drops(self) -> None:
        for counts in self.bus.statistics():
            self.report_drops(counts)

    async def _publish_effect(
        self, effect: Effect, cause: AnyEvent | None, source: str = ""
    ) -> None:
        if self.bus.closed:
            return
        await self.bus.publish(
            f"effects/{effect.component}",
            effect,
            source=source or effect.component,
            originating_time=None if cause is None else cause.originating_time,
            root="" if cause is None else cause.trace_id,
            parents=() if cause is None else (cause.id,),
        )

    def _announce_worker(self, payload: Payload) -> None:
        if not self.bus.closed:
            self.announce_soon(payload)

    def _task_failed(self, name: str, error: Exception) -> None:
        if not isinstance(error, SensoriumError) or not self.bus.closed:
            log.error("task %s raised %s: %s", name, type(error).__name__, error)
