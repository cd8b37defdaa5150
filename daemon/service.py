"""The composition root: what this process consists of, in which order it starts and stops.

Start: ``/health``, database (waited for), migrations, LISTEN confirmed, completer, lease thread,
upkeep, schedules, then the heavy imports (LangGraph, the solvers) in a thread, claims, ``/ready``.
So the process hears and answers long before it can work, and a deploy counts as done only when it
does. Stop: the same backwards; see :meth:`Daemon._drain`.

All loops are tasks of one ``Group``: when one dies the others are cancelled,
:meth:`Daemon.run` raises, and the supervisor starts a fresh process. Nothing limps on without its
listener.
"""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
import structlog

from daemon import __version__, backoff, clock, contain, migrate, statements, telemetry
from daemon.alerts.assembly import alerting
from daemon.alerts.store import AlertStore
from daemon.claimer import Claimer
from daemon.completer import Completer
from daemon.database import (
    LIMITS,
    TRANSACTION_LIMIT,
    Database,
    is_transient,
    persistently,
    told,
)
from daemon.errors import EXIT_SECOND_SIGNAL, ConfigurationError, RestartWanted
from daemon.healing.assembly import hands, healing
from daemon.healing.reflexes import Reflexes
from daemon.healing.store import HealingStore
from daemon.health.assembly import health_timer
from daemon.intake import Intake
from daemon.lease import Leases
from daemon.lifecycle import Group
from daemon.listener import Listener
from daemon.log import get_logger
from daemon.meters import Meters
from daemon.monitoring import Monitoring, Sources
from daemon.outcome import stack
from daemon.registry import Registry
from daemon.schedule import Schedules
from daemon.settings import Settings
from daemon.store import Store
from daemon.testsignals import TestSignals
from daemon.upkeep import SWEEP_SECONDS, Duties, Upkeep, WorkerCard
from daemon.web.assembly import assemble
from daemon.web.status import State, Vitals

if TYPE_CHECKING:
    from daemon.hindsight import Hindsight
    from daemon.llm.gateway import Gateway
    from daemon.runner import Runner

CONFIG_SECONDS = 30.0
"""A change that was not heard of (a deaf listener, a full notification queue) counts by then."""

log = get_logger(__name__)


class Daemon:
    """One worker. ``run`` lives as long as the process should; ``stop`` asks it to end.

    catalog: task type to ``module:Class``, normally ``agents.catalog.AGENTS``. alone: the process
    is there for this worker only.
    """

    def __init__(
        self, settings: Settings, catalog: Mapping[str, str], *, alone: bool = False
    ) -> None:
        self.signals = TestSignals()
        self.worker_id = new_worker_id()
        self._settings = settings
        self._alone = alone
        self._stop_wanted = asyncio.Event()
        self._restart_reason: str | None = None
        self._config_changed = asyncio.Event()
        self._runner: Runner | None = None
        self._gateway: Gateway | None = None
        self._hindsight: Hindsight | None = None
        self._claimer: Claimer | None = None
        self._config_follower: asyncio.Task[None] | None = None

        self.meters = Meters()
        self.vitals = Vitals(self.worker_id)
        self.database = Database(*_urls(settings), self.worker_id)
        texts = self._texts = statements.load()
        self.store = Store(self.database.pool, texts)
        self.registry = Registry(self.store, settings, catalog)
        self.intake = Intake(self.store, self.registry, self.meters)
        self.web = assemble(
            settings,
            vitals=self.vitals,
            meters=self.meters,
            database=self.database,
            texts=texts,
            registry=self.registry,
            latest=lambda: self.health.latest,
        )
        self.site = self.web.site
        healing_store = HealingStore(self.database.reader, texts)
        self.reflexes = Reflexes(healing_store, self.meters, self.worker_id, self._fallbacks)
        self._card = WorkerCard(self.worker_id, settings.worker_concurrency)
        self.listener = Listener(
            worker_id=self.worker_id,
            connect=lambda: self.database.direct("listener"),
            notify=self._notify,
            statements=texts,
            meters=self.meters,
            on_cancel=self._cancel_hinted,
            on_config=lambda _: self._config_changed.set(),
            on_deaf=self.reflexes.polls,
            on_restarted=self._listener_restarted,
        )
        self.leases = Leases(
            worker_id=self.worker_id,
            lease_seconds=settings.lease_seconds,
            connect=self.database.heartbeat,
            statements=texts,
            meters=self.meters,
        )
        self.completer = Completer(self.store, self.worker_id)
        self.upkeep = Upkeep(
            store=self.store,
            card=self._card,
            meters=self.meters,
            lease_seconds=settings.lease_seconds,
            running=self._running,
            types=self._known_types,
            on_drain=self.stop,
            tidy=self._tidy,
            afford=self._afford,
            hindsight=self._learn,
            on_rescued=self.reflexes.rescued,
            on_pruned=self.reflexes.pruned,
            quiet=self._quiet,
        )
        self.sources = Sources(settings)
        self.monitoring = Monitoring(
            self.store, self.sources, enabled=settings.enable_code_monitoring
        )
        self.schedules = Schedules(self.store, on_late=self.reflexes.caught_up)
        self.health = health_timer(
            settings,
            database=self.database,
            store=self.store,
            statements=texts,
            registry=self.registry,
            listener=self.listener,
            meters=self.meters,
        )
        self.healing = healing(
            healing_store,
            database=self.database,
            registry=self.registry,
            meters=self.meters,
            hands=hands(
                self.database,
                concurrency=settings.worker_concurrency,
                claimer=lambda: self._claimer,
                restart=self.restart,
            ),
            reflexes=self.reflexes,
            enabled=settings.enable_self_healing,
        )
        self.alerts, self.outbox = alerting(
            settings,
            store=AlertStore(self.database.reader, texts),
            worker_id=self.worker_id,
            meters=self.meters,
            attend=self.health.attend,
        )
        self.health.subscribers += [self.healing.observe, self.alerts.observe]
        self.vitals.listening = lambda: self.listener.hearing
        self.vitals.database = lambda: self.upkeep.database_answers
        self.vitals.running = self._running

    def stop(self) -> None:
        """Ask for a drain; ``run`` returns when it is done."""
        self._stop_wanted.set()

    async def run(self) -> None:
        """Start, work, and return after a drain.

        Raises ConfigurationError or SchemaTooNew for what no restart mends, and an exception group
        when a service died.
        """
        structlog.contextvars.bind_contextvars(worker_id=self.worker_id)
        loop = asyncio.get_running_loop()
        contain.install(loop)
        loop.set_exception_handler(tell_unseen)
        log.info("starting", version=__version__)
        telemetry.announce_langsmith(log_prompts=self._settings.log_prompts)
        stop_telemetry = await asyncio.to_thread(telemetry.start, self.worker_id, self.meters)
        await self.site.start()
        try:
            async with Group() as group:
                starting = group.create_task(self._start(group), name="start")
                asked = asyncio.ensure_future(self._stop_wanted.wait())
                await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
                await asked
                await self._drain(starting)
                if self._restart_reason is not None:
                    raise RestartWanted(self._restart_reason)
        finally:
            await self.site.stop()
            await self.health.close()
            await self.store.close()
            await self.database.close()
            await asyncio.to_thread(stop_telemetry)
        log.info("stopped")

    async def _start(self, group: asyncio.TaskGroup) -> None:
        facts = await self.database.open()
        log.info("database_connected", server_version=facts.server_version, pooled=facts.pooled)
        await self._migrate()
        await self.listener.start(group)
        await self.completer.start(group)
        await self.leases.start(group)
        await self.upkeep.start(group)
        await self.schedules.start(group)
        await self.monitoring.start(group)
        await self.web.hub.start(group)
        await self.web.rollup.start(group)
        await self.health.start(group)
        await self.healing.start(group)
        await self.alerts.start(group)
        await self.outbox.start(group)
        self.reflexes.guarded(f"{LIMITS}; {TRANSACTION_LIMIT}", pooled=facts.pooled)
        self.signals.emit("listening")

        await self._prepare_agents()
        if self._alone:
            # What is loaded by now stays for ever. Searched again and again for garbage, it
            # stopped the loop for a quarter of a second each time (370,000 objects).
            gc.collect()
            gc.freeze()
        self._config_follower = group.create_task(self._follow_config(), name="config")
        assert self._claimer is not None
        await self._claimer.start(group)
        self.health.started()
        self._enter("ready")
        log.info("ready", seconds=round(clock.monotonic() - self.vitals.started_monotonic, 2))
        await self._duty(self.upkeep.show)
        self.signals.emit("ready")

    async def _drain(self, starting: asyncio.Task[None]) -> None:
        """Not ready, no claims, graphs stop at a step; what still runs goes back; flush, close."""
        self._enter("draining")
        starting.cancel()
        await asyncio.wait({starting})
        if self._claimer is not None:
            await self._claimer.stop()
        log.info("draining", running=self._running(), seconds=self._settings.drain_seconds)
        aside = (self.schedules, self.monitoring, self.health, self.healing, self.alerts)
        stops = asyncio.gather(*(service.stop() for service in (*aside, self.outbox)))
        if self._claimer is not None:
            released = await self._claimer.drain(self._settings.drain_seconds)
            log.info("drained", released=released)
        await stops
        await self.upkeep.stop()
        await self.completer.stop()
        await self.leases.stop()
        await self.listener.stop()
        await self.web.rollup.stop()
        await self.web.hub.stop()
        if self._config_follower is not None:
            self._config_follower.cancel()
        if self._runner is not None:
            self._runner.close()
        if self._gateway is not None:
            await self._gateway.aclose()
        if self.database.facts is not None:  # it was reached
            await self._duty(self._leave)

    async def _leave(self) -> None:
        await self.store.worker_stop(self.worker_id)

    async def _migrate(self) -> None:
        """Bring the schema up to this code; waits while the database restarts."""
        attempt = 0
        while True:
            try:
                migrated = await asyncio.to_thread(migrate.upgrade, self.database.direct_url)
            except Exception as error:
                if not (isinstance(error, psycopg.OperationalError) or is_transient(error)):
                    raise
                attempt += 1
                log.warning("migration_delayed", attempt=attempt, **told(error))
                await asyncio.sleep(backoff.full_jitter(attempt, cap_seconds=5.0))
            else:
                if migrated.changed:
                    log.info("migrated", before=migrated.before, after=migrated.after)
                return

    async def _prepare_agents(self) -> None:
        """Import what is heavy, in a thread, and read the agents' rows."""
        runner, gateway = await asyncio.to_thread(self._assemble)
        self._runner, self._gateway = runner, gateway
        await gateway.warm()
        await persistently(self.registry.start)
        if gateway.configured:
            named = (self._settings.openai_model, *self._settings.llm_fallback_models)
            self.meters.know_models(named)
        self.meters.know(self.registry.known_types())
        self._claimer = Claimer(
            worker_id=self.worker_id,
            store=self.store,
            runner=runner,
            intake=self.intake,
            completer=self.completer,
            leases=self.leases,
            listener=self.listener,
            meters=self.meters,
            types=self.registry.claimable,
            concurrency=self._settings.worker_concurrency,
            lease_seconds=self._settings.lease_seconds,
            poll_seconds=self._settings.poll_seconds,
        )

    def _assemble(self) -> tuple[Runner, Gateway]:
        from agents.crm import Crm, open_engine
        from daemon.hindsight import Hindsight
        from daemon.llm.gateway import Gateway
        from daemon.runner import Runner

        gateway = Gateway.create(self.database.pool, self._texts, self._settings, self.meters)
        crm = Crm(
            open_engine(self.database.url),
            tz=self._settings.gym_time_zone,
            portal_unit=self._settings.client_portal_unit,
        )
        self.schedules.people = crm.active_clients
        self._hindsight = Hindsight(self.store, crm, self._settings.gym_time_zone)
        runner = Runner(
            store=self.store,
            registry=self.registry,
            gateway=gateway,
            gym_time_zone=self._settings.gym_time_zone,
            crm=crm,
            measure=self.health.measure,
            code=self.sources,
        )
        return runner, gateway

    async def _read_config(self) -> None:
        await self.registry.reload()
        if self._gateway is not None:
            await self._gateway.know(again=True)

    async def _follow_config(self) -> None:
        """Read the agents' rows and the prices again whenever one changed, and now and then."""
        duties = Duties()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIG_SECONDS):
                    await self._config_changed.wait()
            self._config_changed.clear()
            await duties.attempt(self._read_config)
            if duties.failing:
                self._config_changed.set()
                await asyncio.sleep(1.0)
                continue
            self.meters.know(self.registry.known_types())
            self.listener.wake.set()
            self.signals.emit("configured")

    def restart(self, reason: str) -> None:
        """Ask for a drain and a fresh process; ``run`` then raises RestartWanted."""
        self._restart_reason = f"a fresh process is wanted: {reason}"
        self.stop()

    async def _notify(self, channel: str, payload: str) -> None:
        async with self.database.pool.connection() as connection:
            await connection.execute("SELECT pg_notify(%s, %s)", (channel, payload))

    async def _tidy(self) -> None:
        if self._gateway is not None:
            await self._gateway.tidy()

    async def _afford(self) -> None:
        if self._gateway is not None:
            await self._gateway.afford()

    async def _learn(self) -> None:
        if self._hindsight is not None:
            await self._hindsight.look()

    async def _duty(self, duty: Callable[[], Awaitable[object]]) -> None:
        await Duties().attempt(duty)

    def _fallbacks(self) -> Mapping[str, int]:
        return self._gateway.shop.fallbacks if self._gateway is not None else {}

    def _cancel_hinted(self, request_id: int) -> None:
        self.leases.hurry(request_id)
        self.upkeep.sweep_soon()

    def _listener_restarted(self, seconds: float) -> None:
        self.reflexes.restarted_listener(seconds)
        self.leases.hurry()  # cancels that were hinted meanwhile were not heard

    def _running(self) -> int:
        return self._claimer.slots.running if self._claimer is not None else 0

    def _quiet(self) -> bool:
        """Nothing runs, and whoever inserts would ring; what rang has been swept since."""
        heard = self.listener.lying and self.listener.unrung_seconds > 2 * SWEEP_SECONDS
        return heard and not self._running()

    def _known_types(self) -> list[str]:
        return list(self.registry.known_types())

    def _enter(self, state: State) -> None:
        self.vitals.state = state
        self._card.state = state

    def obey_signals(self) -> None:
        """SIGTERM, SIGINT and SIGHUP drain, a second one of the first two ends at once, SIGUSR1
        logs all tasks."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled, number)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        loop.add_signal_handler(signal.SIGUSR1, dump_tasks)

    def _signalled(self, number: int) -> None:
        if self._stop_wanted.is_set():
            log.warning("stopped_at_once", signal=signal.Signals(number).name)
            os._exit(EXIT_SECOND_SIGNAL)
        log.info("stop_requested", signal=signal.Signals(number).name)
        self.stop()

    def _hung_up(self) -> None:
        """The terminal was closed: shell and kernel both say so, which is no wish to hurry."""
        if not self._stop_wanted.is_set():
            self._signalled(signal.SIGHUP)


def new_worker_id() -> str:
    """Unique to this start: a restarted process is a stranger to what the last one held."""
    return f"{socket.gethostname()[:20]}-{os.getpid()}-{secrets.token_hex(3)}"


def tell_unseen(_: asyncio.AbstractEventLoop, seen: dict[str, Any]) -> None:
    """Log an error that nobody awaited by its place: asyncio's own words hold its text."""
    error = seen.get("exception")
    task = seen.get("task") or seen.get("future")
    log.error(
        "error_unseen",
        error=type(error).__name__ if error else None,
        frames=stack(error) if error else [],
        task=task.get_name() if isinstance(task, asyncio.Task) else None,
    )


def dump_tasks() -> None:
    """Log where every task stands, without local variables: those hold people's data."""
    for task in asyncio.all_tasks():
        log.info("task_stack", task=task.get_name(), frames=list(_awaited(task.get_coro())))


def _awaited(coroutine: Any) -> Iterator[str]:
    """Where a suspended coroutine waits, and where what it waits for waits, outermost first."""
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            yield f"{code.co_filename}:{frame.f_lineno} {code.co_name}"
        coroutine = getattr(coroutine, "cr_await", None) or getattr(
            coroutine, "gi_yieldfrom", None
        )


def _urls(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None:
        raise ConfigurationError(
            "DATABASE_URL is not set; example: "
            "DATABASE_URL=postgresql://user:password@host:5432/fitnesscrm"
        )
    direct = settings.listen_url
    assert direct is not None
    return settings.database_url.get_secret_value(), direct
