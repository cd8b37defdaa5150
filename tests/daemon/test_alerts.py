"""Alerts on a real database: written once, delivered to real receivers, whatever dies between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agents.health.checks import MOST_TARGETS
from daemon.alerts.channels import ATTEMPT_SECONDS, Channel, _mail, channels, signature
from daemon.alerts.engine import Alerts
from daemon.alerts.outbox import LEASE_SECONDS, Outbox
from daemon.alerts.store import AlertStore, Message
from daemon.database import Database
from daemon.health.checker import Checker
from daemon.health.model import CheckResult
from daemon.health.session import Session
from daemon.meters import Meters
from tests.kit.mail import mail_server
from tests.kit.parts import TEXTS, Parts, parts
from tests.kit.receiver import Receiver, receiver
from tests.kit.signals import eventually

START = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
BAD = CheckResult(
    "queue.oldest_pending",
    "queue",
    "critical",
    400.0,
    "seconds",
    60.0,
    300.0,
    "the oldest request waits for 400 s",
    remedy="start a worker",
)
GOOD = replace(BAD, status="healthy", value=1.0)
Rows = list[tuple[Any, ...]]


class Bench:
    """Alerts and outbox with one clock that only the test moves."""

    def __init__(self, made: Parts, reached: Sequence[Channel]) -> None:
        self.url = made.url
        self.group = made.group
        self.closed_pool = Database(made.url, made.url, "w1").pool
        self.store = store = AlertStore(made.database.pool, TEXTS)
        self.channels = tuple(reached)
        self.now = START
        self.meters = Meters()
        self.pending: list[str] = []
        self.alerts = Alerts(
            store=store,
            meters=self.meters,
            worker_id="w1",
            channels=reached,
            attend=self._attend,
        )

    def _attend(self, pending: Collection[str], _: Collection[str]) -> None:
        self.pending += pending

    async def rounds(self, *results: CheckResult, times: int = 1) -> None:
        for _ in range(times):
            self.now += MINUTE
            await self.alerts.round(results, now=self.now)

    async def take(self, worker: str = "w1", after: float = 60.0) -> Message | None:
        at = self.now + timedelta(seconds=after)
        return await self.store.take(self.channels[0].name, worker, LEASE_SECONDS, now=at)

    def rows(self, question: str) -> Rows:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(question.encode())
            return cursor.fetchall() if cursor.description else []

    def events(self) -> list[str]:
        rows = self.rows("SELECT event FROM ai_alert_deliveries ORDER BY id")
        return [event for (event,) in rows]


@asynccontextmanager
async def bench(url: str, *addresses: str) -> AsyncIterator[Bench]:
    async with parts(url) as made:
        yield Bench(made, channels(addresses or ["https://hooks.example.com/x"]))


@asynccontextmanager
async def outbox(made: Bench, **values: Any) -> AsyncIterator[Outbox]:
    """An outbox that is open, whose loops do not run."""
    opened = Outbox(store=made.store, worker_id="w1", channels=made.channels, **values)
    try:
        yield opened
    finally:
        await opened._closed()


def make_due(made: Bench) -> None:
    made.rows("UPDATE ai_alert_deliveries SET next_at = now() - interval '1 s'")


async def test_an_alert_lives_and_ends(database: str) -> None:
    """Three bad looks open one row and one message; five good ones end it, and that is told."""
    async with bench(database) as made:
        await made.rounds(BAD, times=2)
        assert made.rows("SELECT * FROM ai_alerts") == []
        assert made.pending == [BAD.check] * 2
        await made.rounds(BAD, times=4)
        assert made.rows(
            "SELECT check_id, severity, state, value, threshold, flaps FROM ai_alerts"
        ) == [("queue.oldest_pending", "critical", "firing", 400.0, 300.0, 0)]
        assert (
            made.meters.registry.get_sample_value("ai_alerts_firing", {"severity": "critical"})
            == 1.0
        )
        await made.rounds(GOOD, times=5)
        ((state, lasted),) = made.rows("SELECT state, resolved_at - opened_at FROM ai_alerts")
        assert (state, lasted) == ("resolved", 8 * MINUTE)
        assert made.events() == ["firing", "resolved"]


async def test_each_target_has_its_own_alert(database: str) -> None:
    """Of two agents that fail neither hides the other, nor ends its alert by becoming worse."""
    checker = Checker(Session(database, "w1"), TEXTS)

    async def look(made: Bench, **failed: int) -> CheckResult:
        made.rows("DELETE FROM ai_requests")
        for task_type, count in failed.items():
            made.rows(
                "INSERT INTO ai_requests (task_type, input_data, status, error, finished_at)"
                f" SELECT '{task_type}', '{{}}', CASE WHEN n > {count} THEN 'completed' ELSE"
                " 'failed' END, CASE WHEN n > "
                f'{count} THEN NULL ELSE \'{{"code": "agent_error"}}\'::jsonb END, now()'
                " FROM generate_series(1, 20) n"
            )
        results = await checker.run({"agents.failure_rate"})
        (found,) = [one for one in results if one.check == "agents.failure_rate"]
        await made.rounds(found)
        return found

    async with bench(database) as made:
        made.rows("ALTER TABLE ai_requests DISABLE TRIGGER USER")  # which begin every request
        for _ in range(3):
            found = await look(made, one=10, two=9, fine=0)
        assert (found.target, found.value) == ("one", 50.0)
        assert "Also two (45 %)." in found.message
        for _ in range(6):
            await look(made, one=9, two=10)
        open_ones = "SELECT target, state, value FROM ai_alerts ORDER BY target"
        assert made.rows(open_ones) == [("one", "firing", 45.0), ("two", "firing", 50.0)]
        for _ in range(6):
            await look(made, one=0, two=10)
        assert [row[:2] for row in made.rows(open_ones)] == [
            ("one", "resolved"),
            ("two", "firing"),
        ]
    await checker.close()


async def test_more_targets_than_are_named(database: str) -> None:
    """Of twelve that are bad the ten worst are named; who is not among them did not get better."""

    def named(first: int, last: int) -> CheckResult:
        found = [replace(BAD, target=f"t{number:02}") for number in range(first, last)]
        return replace(found[0], others=tuple(found[1:]))

    def states() -> list[str]:
        rows = made.rows("SELECT target, state FROM ai_alerts ORDER BY target")
        return [f"{target} {state}" for target, state in rows]

    async with bench(database) as made:
        await made.rounds(named(0, MOST_TARGETS), times=3)
        await made.rounds(named(2, MOST_TARGETS + 2), times=6)
        assert states() == [f"t{number:02} firing" for number in range(MOST_TARGETS + 2)]
        await made.rounds(named(2, MOST_TARGETS), times=6)
        gone = {0, 1, MOST_TARGETS, MOST_TARGETS + 1}
        assert states() == [
            f"t{number:02} {'resolved' if number in gone else 'firing'}"
            for number in range(MOST_TARGETS + 2)
        ]


async def test_one_open_row_whoever_looks(database: str) -> None:
    """Daemons that judge at the same moment open one alert and write one message."""
    async with bench(database) as made:
        for _ in range(5):
            made.now += MINUTE
            await asyncio.gather(*(made.alerts.round([BAD], now=made.now) for _ in range(4)))
        assert made.rows("SELECT count(*) FROM ai_alerts") == [(1,)]
        assert made.events() == ["firing"]


async def test_one_judge_at_a_time(database: str, connection: psycopg.Connection[Any]) -> None:
    """A round waits for the one before it to be committed: what it reads is up to date."""
    async with bench(database) as made:
        with connection.transaction():
            connection.execute(TEXTS["alert_lock"])
            waits = asyncio.ensure_future(made.rounds(BAD))
            await eventually(
                lambda: waits.done() or made.rows("SELECT 1 FROM pg_locks WHERE NOT granted"),
                what="the round waits",
            )
            assert not waits.done()
        await waits


async def test_restart_changes_nothing(database: str) -> None:
    """A daemon that starts anew goes on where the last one was: nothing is told twice."""
    async with bench(database) as made:
        await made.rounds(BAD, times=2)
        now = made.now
    async with bench(database) as made:
        made.now = now
        await made.rounds(BAD, times=3)
        assert made.events() == ["firing"]


async def test_row_and_message_stand_or_fall_together(database: str) -> None:
    """When the message cannot be written there is no alert either: the next look makes both."""
    async with bench(database) as made:
        await made.rounds(BAD, times=2)
        made.rows("ALTER TABLE ai_alert_deliveries ADD CHECK (event <> 'firing')")
        with pytest.raises(psycopg.errors.CheckViolation):
            await made.rounds(BAD)
        assert made.rows("SELECT * FROM ai_alerts") == []


async def test_what_happens_together_is_told_together(database: str) -> None:
    """Two alerts within half a minute are one message."""
    other = replace(BAD, check="queue.depth", status="warning")
    async with bench(database) as made:
        await made.rounds(BAD, other, times=3)
        assert await made.take(after=29) is None
        message = await made.take(after=31)
        assert message is not None
        assert [one["check"] for one in message.alerts] == [BAD.check, other.check]


async def test_dies_before_it_sends(database: str) -> None:
    """A message whose sender died is sent by another, under the same id."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        first = await made.take("w1")
        assert first is not None
        assert await made.take("w2") is None
        second = await made.take("w2", after=60 + LEASE_SECONDS + 1)
        assert second is not None
        assert (second.message_id, second.attempt) == (first.message_id, 2)
        await made.store.settle(second, None)
        assert await made.take("w3", after=3600) is None


async def test_ten_messages_a_minute(database: str) -> None:
    """No channel gets more than ten messages a minute; what waits goes out together."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        made.rows(
            "INSERT INTO ai_alert_deliveries (alert_id, channel, event, content, next_at,"
            " message_id) SELECT d.alert_id, d.channel, d.event, d.content, d.next_at,"
            " gen_random_uuid() FROM ai_alert_deliveries d, generate_series(1, 14)"
        )
        taken = [await made.take(after=60) for _ in range(12)]
        assert [message is not None for message in taken] == [True] * 10 + [False] * 2
        assert await made.take(after=121) is not None


async def test_webhook(database: str) -> None:
    """A webhook gets the alert as JSON, signed with the key, once."""
    async with (
        receiver() as takes,
        bench(database, takes.url) as made,
        outbox(made, key="k") as out,
    ):
        await made.rounds(BAD, times=3)
        make_due(made)
        assert await out.send_next(made.channels[0])
        assert not await out.send_next(made.channels[0])
        (posted,) = takes.came
        assert posted.headers["X-Signature"] == signature("k", posted.body)
        assert posted.json["remedy"] == "start a worker"
        assert posted.json["id"] == posted.headers["X-Message-Id"]
        assert made.rows("SELECT state, attempts FROM ai_alert_deliveries") == [("sent", 1)]


async def failed_delivery(made: Bench, out: Outbox) -> str:
    await made.rounds(BAD, times=3)
    make_due(made)
    assert not await out.send_next(made.channels[0])
    ((state, error, later),) = made.rows(
        "SELECT state, error, next_at > now() + interval '10 s' FROM ai_alert_deliveries"
    )
    assert (state, later) == ("pending", True)
    return str(error)


async def test_refused_message_waits(database: str) -> None:
    """A message that its receiver refuses stays in the outbox and is tried again later."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        takes.status = 503
        assert await failed_delivery(made, out) == "HTTP 503"


@pytest.mark.parametrize("content", ["[]", "7", '{"state": "firing"}', '{"severity": []}'])
async def test_what_is_no_message_waits_like_a_refused_one(database: str, content: str) -> None:
    """A row of the outbox that somebody edited costs nobody the other messages."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        await made.rounds(BAD, times=3)
        made.rows(f"UPDATE ai_alert_deliveries SET content = '{content}'")
        assert "cannot be written" in await failed_delivery(made, out)
        await made.rounds(GOOD, times=5)
        made.rows("UPDATE ai_alert_deliveries SET next_at = now() WHERE event = 'resolved'")
        assert await out.send_next(made.channels[0])
        assert len(takes.came) == 1


async def test_old_news_does_not_arrive_after_what_followed(database: str) -> None:
    """A refused "critical" waits for its next attempt; meanwhile the check gets well, and the
    receiver takes messages again: it hears that it is over, and not that it began."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        takes.status = 500
        await failed_delivery(made, out)
        takes.status = 200
        takes.came.clear()
        await made.rounds(GOOD, times=5)
        make_due(made)
        while await out.send_next(made.channels[0]):
            pass
        assert [posted.json["event"] for posted in takes.came] == ["resolved"]
        states = made.rows("SELECT event, state FROM ai_alert_deliveries ORDER BY id")
        assert states == [("firing", "dropped"), ("resolved", "sent")]


async def test_what_was_outdated_on_its_way_and_taken_is_sent(database: str) -> None:
    """News that comes while a message is under way does not deny that it arrived."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        first = await made.take()
        assert first is not None
        await made.store.settle(first, "HTTP 500", 0.0, now=made.now)
        under_way = await made.take()
        await made.rounds(GOOD, times=5)
        assert under_way is not None
        await made.store.settle(under_way, None)
        states = made.rows("SELECT event, state FROM ai_alert_deliveries ORDER BY id")
        assert states == [("firing", "sent"), ("resolved", "pending")]


async def test_a_receiver_that_asks_for_time_gets_it(database: str) -> None:
    """Slack and Discord say how long they want to be left alone, and punish who does not."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        takes.status, takes.retry_after = 429, "1200"
        await failed_delivery(made, out)
        ((wait,),) = made.rows(
            "SELECT extract(epoch FROM next_at - clock_timestamp()) FROM ai_alert_deliveries"
        )
        assert 1100 < wait <= 1200


async def test_redirects_are_not_followed(database: str) -> None:
    """A receiver cannot send the alert on to another address."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        takes.status, takes.location = 302, takes.url.replace("hook", "elsewhere")
        assert await failed_delivery(made, out) == "HTTP 302"
        assert [posted.path for posted in takes.came] == ["/hook"]


async def test_failing_delivery_is_an_alert(database: str) -> None:
    """A channel that takes nothing is told to the other channels, not to itself."""
    async with receiver() as takes, bench(database, takes.url, takes.url + "2") as made:
        await made.rounds(BAD, times=3)
        broken, other = (channel.name for channel in made.channels)
        made.rows(
            "UPDATE ai_alert_deliveries SET attempts = 3, error = 'HTTP 500'"
            f" WHERE channel = '{broken}'"
        )
        await made.rounds(GOOD, times=3)
        told = made.rows(
            "SELECT a.check_id, a.target, d.channel FROM ai_alerts a"
            " JOIN ai_alert_deliveries d ON d.alert_id = a.id WHERE a.check_id LIKE 'alerts.%'"
        )
        assert told == [("alerts.delivery", broken, other)]


async def test_a_channel_that_is_gone_troubles_nobody(database: str) -> None:
    """Whoever follows the remedy and takes the dead address out hears that it is over."""
    async with bench(database, "https://old.example.com", "https://new.example.com") as made:
        await made.rounds(BAD, times=3)
        made.rows("UPDATE ai_alert_deliveries SET attempts = 3, error = 'HTTP 404' WHERE id = 1")
        await made.rounds(BAD, times=3)
        trouble = "SELECT state FROM ai_alerts WHERE check_id = 'alerts.delivery'"
        assert made.rows(trouble) == [("firing",)]
        made.alerts._channels = made.alerts._channels[1:]
        await made.rounds(BAD, times=5)
        assert made.rows(trouble) == [("resolved",)]


async def test_mail(database: str) -> None:
    """An smtp:// address gets a mail to each of its receivers."""
    async with mail_server() as server:
        address = f"smtp://127.0.0.1:{server.port}?to=a@example.com,b@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            await made.rounds(BAD, times=3)
            make_due(made)
            assert await out.send_next(made.channels[0])
        assert server.receivers == [["a@example.com", "b@example.com"]]
        assert "Subject: [critical] queue.oldest_pending" in server.letters[0]


async def test_a_mail_that_some_of_its_receivers_get_is_sent_and_told(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose address is gone does not make the others' mail come again; the log knows."""
    async with mail_server() as mails:
        mails.unknown = "gone@"
        address = f"smtp://127.0.0.1:{mails.port}?to=here@example.com,gone@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            await made.rounds(BAD, times=3)
            make_due(made)
            assert await out.send_next(made.channels[0])
        assert mails.receivers == [["here@example.com"]]
    said = capsys.readouterr()
    assert "alert_mail_refused_for_some" in said.out + said.err


async def test_refused_mail_waits(database: str) -> None:
    """A mail that the server refuses stays in the outbox."""
    async with mail_server() as server:
        server.refuse = True
        address = f"smtp://127.0.0.1:{server.port}?to=a@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            assert await failed_delivery(made, out) == "SMTPSenderRefused 550"


async def test_a_server_that_dawdles_holds_up_nobody(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slowly each step is answered, an attempt ends before its lease does."""
    assert ATTEMPT_SECONDS < LEASE_SECONDS
    monkeypatch.setattr("daemon.alerts.channels.ATTEMPT_SECONDS", 0.5)
    async with mail_server() as server:
        server.dawdle_seconds = 0.3
        address = f"smtp://127.0.0.1:{server.port}?to=a@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            assert await failed_delivery(made, out) == "no answer in time"


async def test_an_attempt_that_ended_leaves_no_thread(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits no longer for a mail server hangs up: the few threads are others' too."""
    talking = 0

    def counted(*given: Any) -> None:
        nonlocal talking
        talking += 1
        try:
            _mail(*given)
        finally:
            talking -= 1

    monkeypatch.setattr("daemon.alerts.channels._mail", counted)
    monkeypatch.setattr("daemon.alerts.channels.ATTEMPT_SECONDS", 0.5)
    async with mail_server() as server:
        server.dawdle_seconds = 600.0
        address = f"smtp://127.0.0.1:{server.port}?to=a@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            assert await failed_delivery(made, out) == "no answer in time"
            await eventually(lambda: not talking, 5.0, what="its thread has ended")


async def test_password_is_not_sent_in_the_clear(database: str) -> None:
    """Without TLS a mail server gets no password, and no mail either."""
    async with mail_server() as server:
        address = f"smtp://sam:s3cret@127.0.0.1:{server.port}?to=a@example.com"
        async with bench(database, address) as made, outbox(made) as out:
            error = await failed_delivery(made, out)
            assert error == "the mail server offers no TLS, and the password is not sent without"
            assert server.letters == []


async def test_acknowledged_and_silenced(database: str) -> None:
    """Who acknowledges hears no more but the end; who silences hears nothing; both are noted."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        ((alert_id,),) = made.rows("SELECT id FROM ai_alerts")
        acknowledge = f"SELECT ai_acknowledge({alert_id}, 'sam', 'console')"
        assert made.rows(acknowledge) == [(True,)]
        await made.rounds(BAD, times=100)
        assert made.events() == ["firing"]
        made.rows(f"SELECT ai_silence({alert_id}, now() + interval '7 days', 'sam', 'console')")
        await made.rounds(GOOD, times=5)
        assert made.events() == ["firing"]
        assert made.rows("SELECT actor, action, target FROM ai_audit_log ORDER BY id") == [
            ("sam", "acknowledge", f"alert:{alert_id}"),
            ("sam", "silence", f"alert:{alert_id}"),
        ]
        assert made.rows(acknowledge) == [(False,)]


async def test_silenced_for_ever(database: str) -> None:
    """A silence without an end is one, also in a row that holds it already; nothing breaks."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        ((alert_id,),) = made.rows("SELECT id FROM ai_alerts")
        made.rows(f"SELECT ai_silence({alert_id}, 'infinity', 'sam', 'console')")
        await made.rounds(BAD, times=100)
        # Whoever shows the row can read it.
        ((until,),) = made.rows("SELECT silenced_until FROM ai_alerts")
        assert until.year == 9999
        made.rows("UPDATE ai_alerts SET silenced_until = 'infinity'")
        await made.rounds(BAD, times=100)
        assert made.events() == ["firing"]
        made.rows(f"SELECT ai_silence({alert_id}, '-infinity', 'sam', 'console')")
        await made.rounds(BAD)
        assert made.events() == ["firing", "escalated"]


NO_CALENDARS = ("infinity", "-infinity", "0044-03-15 BC", "20260-11-27")


@pytest.mark.parametrize("moment", NO_CALENDARS)
async def test_moments_that_no_calendar_has(database: str, moment: str) -> None:
    """Written by hand into what is remembered, they end neither a round nor the alert's life."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        for column in ("opened_at", "notified_at", "escalated_at", "silenced_until"):
            made.rows(f"UPDATE ai_alerts SET {column} = '{moment}'")
        made.rows(f"UPDATE ai_alert_states SET sampled_at = '{moment}'")
        await made.rounds(BAD, times=2)
        await made.rounds(GOOD, times=5)
        assert made.rows("SELECT state FROM ai_alerts") == [("resolved",)]


async def test_nobody_takes_care(database: str) -> None:
    """A critical alert is escalated after half an hour, once, and then repeated hourly."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3 + 30 + 125)
        assert made.events() == ["firing", "escalated", "repeated", "repeated"]


async def test_recovery_names_what_healed(database: str) -> None:
    """The message of the end says which healing action ended it."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        made.rows(
            "INSERT INTO ai_healing_actions (rule, check_id, mode, outcome, finished_at,"
            " started_at) SELECT 'recycle_pool', check_id, 'auto', 'done', now(), opened_at"
            " FROM ai_alerts"
        )
        await made.rounds(GOOD, times=5)
        ((healed,),) = made.rows("SELECT healed_by FROM ai_alerts")
        assert healed.startswith("recycle_pool (action ")
        ((content,),) = made.rows(
            "SELECT content FROM ai_alert_deliveries WHERE event = 'resolved'"
        )
        assert (content["healed_by"], content["lasted_seconds"]) == (healed, 300)


async def test_proposal_is_an_alert(database: str) -> None:
    """A healing action that waits for a person is an alert with the command and how to approve."""
    async with bench(database) as made:
        ((action,),) = made.rows(
            "INSERT INTO ai_healing_actions (rule, target, mode, outcome, finished_at,"
            " proposed_at, command) VALUES ('reindex_invalid_own', 'ai_x', 'propose',"
            " 'proposed', now(), now(), 'REINDEX INDEX CONCURRENTLY ai_x') RETURNING id"
        )
        await made.rounds(times=3)
        ((check, remedy),) = made.rows("SELECT check_id, remedy FROM ai_alerts")
        assert check == "healing.reindex_invalid_own"
        assert remedy.startswith("REINDEX INDEX CONCURRENTLY ai_x")
        assert f"ai_heal_answer({action}, true)" in remedy
        made.rows(f"SELECT ai_heal_answer({action}, false, 'sam')")
        await made.rounds(times=5)
        assert made.rows("SELECT state FROM ai_alerts") == [("resolved",)]


async def beats(takes: Receiver, made: Bench, *, status: int) -> bool:
    takes.status = status
    async with outbox(made) as out:
        return await out.beat(takes.url)


async def test_what_nobody_takes_is_given_up(database: str) -> None:
    """After a day a message that was refused has failed, one of a channel that is gone is dropped,
    and neither stands in the way for ever; a newer one still waits."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        made.rows(
            "INSERT INTO ai_alert_deliveries (alert_id, channel, event, content, next_at,"
            " attempts, created_at) SELECT d.alert_id, d.channel, d.event, d.content, d.next_at,"
            " t.attempts, now() - interval '25 h'"
            " FROM ai_alert_deliveries d, unnest(ARRAY[0, 3]) t (attempts)"
        )
        judged = made.alerts.signals.expect("judged")
        await made.alerts.start(made.group)
        await made.alerts.observe([GOOD])
        await judged
        await made.alerts.stop()
        states = made.rows("SELECT state FROM ai_alert_deliveries ORDER BY id")
        assert states == [("pending",), ("dropped",), ("failed",)]


async def test_dead_mans_switch(database: str) -> None:
    """The heartbeat is a GET to its address; silence and refusals are noticed."""
    async with receiver() as takes, bench(database, takes.url) as made:
        assert await beats(takes, made, status=200)
        assert not await beats(takes, made, status=500)
        assert [posted.method for posted in takes.came] == ["GET", "GET"]


async def test_beats_only_while_checks_run(database: str) -> None:
    """As long as no health check has run, the dead man's switch is not called."""
    async with receiver() as takes, bench(database, takes.url) as made:
        out = Outbox(
            store=made.store,
            worker_id="w1",
            channels=(),
            heartbeat_url=takes.url,
            fresh=made.alerts.fresh,
        )
        async with asyncio.TaskGroup() as group:
            beat = out.signals.expect("beat")
            await out.start(group)
            await beat
            await out.stop()
            assert takes.came == []
            judged = made.alerts.signals.expect("judged")
            await made.alerts.start(group)
            await made.alerts.observe([GOOD])
            await judged
            await made.alerts.stop()
            beat = out.signals.expect("beat")
            await out.start(group)
            await beat
            await out.stop()
        assert len(takes.came) == 1


async def test_lost_database_is_told_past_the_outbox(database: str) -> None:
    """While no alert can be written, one message says so, one more that it is over, and the dead
    man's switch is silent."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        alerts = Alerts(
            store=made.store,
            meters=made.meters,
            worker_id="w1",
            channels=made.channels,
        )
        alerts.directly = out.send_directly
        await alerts.start(made.group)
        working = made.store._pool
        made.store._pool = made.closed_pool
        for _ in range(4):
            judged = alerts.signals.expect("judged")
            await alerts.observe([BAD])
            await judged
        assert [(one.json["check"], one.json["state"]) for one in takes.came] == [
            ("database.connect", "firing")
        ]
        assert not alerts.fresh()
        made.store._pool = working
        judged = alerts.signals.expect("judged")
        await alerts.observe([BAD])
        await judged
        assert [one.json["state"] for one in takes.came] == ["firing", "resolved"]
        assert alerts.fresh()
        await alerts.stop()


async def test_what_goes_past_the_outbox_is_tried_until_it_is_taken(database: str) -> None:
    """A receiver that fails at that very moment hears of the lost database all the same, once."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        alerts = made.alerts
        alerts.directly = out.send_directly
        await alerts.start(made.group)
        made.store._pool = made.closed_pool
        for status in (503, 503, 503, 503, 200, 200):
            takes.status = status
            judged = alerts.signals.expect("judged")
            await alerts.observe([BAD])
            await judged
        assert len(takes.came) == 3
        assert len({posted.json["id"] for posted in takes.came}) == 1
        await alerts.stop()


async def test_who_stops_asking_has_healed_nothing(database: str) -> None:
    """No call fails any more because none is made: that is no cure to be named."""
    async with bench(database) as made:
        await made.rounds(BAD, times=3)
        made.rows(
            "INSERT INTO ai_healing_actions (rule, check_id, mode, outcome, finished_at,"
            " started_at) SELECT 'open_breaker', check_id, 'auto', 'done', now(), opened_at"
            " FROM ai_alerts"
        )
        await made.rounds(GOOD, times=5)
        assert made.rows("SELECT healed_by FROM ai_alerts") == [(None,)]


async def test_what_the_database_refuses_is_told_past_the_outbox(database: str) -> None:
    """A table that takes no alert ends no daemon: receivers hear that they will hear nothing, and
    when it is over; the outbox looks on meanwhile."""
    async with receiver() as takes, bench(database, takes.url) as made, outbox(made) as out:
        alerts = Alerts(
            store=made.store, meters=made.meters, worker_id="w1", channels=made.channels
        )
        alerts.directly = out.send_directly
        made.rows("ALTER TABLE ai_alert_states ADD CONSTRAINT shut CHECK (false)")
        made.rows("ALTER TABLE ai_alert_deliveries RENAME TO elsewhere")
        await alerts.start(made.group)
        await out.start(made.group)
        looked = out.signals.expect("looked")
        for _ in range(3):
            judged = alerts.signals.expect("judged")
            await alerts.observe([BAD])
            await judged
        await looked
        made.rows("ALTER TABLE elsewhere RENAME TO ai_alert_deliveries")
        made.rows("ALTER TABLE ai_alert_states DROP CONSTRAINT shut")
        judged = alerts.signals.expect("judged")
        await alerts.observe([BAD])
        await judged
        assert [one.json["state"] for one in takes.came] == ["firing", "resolved"]
        assert "refuses" in takes.came[0].json["message"]
        await alerts.stop()
        await out.stop()
