"""Puts a daemon's alerts together."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from daemon.alerts.channels import channels, check_heartbeat
from daemon.alerts.engine import Alerts
from daemon.alerts.outbox import Outbox
from daemon.alerts.store import AlertStore
from daemon.meters import Meters
from daemon.settings import Settings


def alerting(
    settings: Settings,
    *,
    store: AlertStore,
    worker_id: str,
    meters: Meters,
    attend: Callable[[Collection[str], Collection[str]], None],
) -> tuple[Alerts, Outbox]:
    """Alerts and the outbox they are sent from. Raises ConfigurationError for a useless address.

    attend: see :meth:`daemon.health.timer.HealthTimer.attend`.
    """
    reached = channels(settings.alert_webhook_url)
    key = settings.secret_key
    alerts = Alerts(
        store=store,
        meters=meters,
        worker_id=worker_id,
        channels=reached,
        service=service_name(settings),
        attend=attend,
    )
    outbox = Outbox(
        store=store,
        worker_id=worker_id,
        channels=reached,
        key=key.get_secret_value() if key else None,
        heartbeat_url=check_heartbeat(settings.heartbeat_url),
        fresh=alerts.fresh,
    )
    alerts.directly = outbox.send_directly
    return alerts, outbox


def service_name(settings: Settings) -> str:
    """Who speaks, for those who hear several services, or this one of several sites."""
    host = urlsplit(settings.main_app_url or "").hostname
    return f"FitnessCRM AI of {host}" if host else "FitnessCRM AI"
