"""Self-healing decides: once for all daemons, within its limits, each action with its row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import psycopg
import pytest

from daemon.healing.reflexes import Reflexes
from daemon.healing.remedy import Seen
from daemon.healing.rules import COUNTED, RULES, TOTAL_PER_HOUR, Rule, Setting
from daemon.healing.store import Case
from daemon.healing.tables import VacuumOwn
from daemon.meters import Meters
from tests.kit.healing import Bench, Toy, bench, check
from tests.kit.signals import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)


async def test_row_before_and_after(database: str) -> None:
    """An action has one row with what was measured before and after, and which check led to it."""
    async with bench(database) as made:
        await made.heal(Toy())
        assert made.rows(
            "SELECT rule, check_id, target, mode, outcome, before, after, command,"
            " finished_at >= started_at, worker_id FROM ai_healing_actions"
        ) == [
            (
                "vacuum_own",
                "database.autovacuum_late",
                "ai_x",
                "auto",
                "done",
                {"dead": 9},
                {"dead": 0},
                "VACUUM ai_x",
                True,
                "w1",
            )
        ]


async def test_one_action_whoever_looks(database: str) -> None:
    """Eight workers that see the same trouble at the same moment act once."""
    async with bench(database) as made:
        toy = Toy()
        healings = [made.healing(toy, worker=f"w{n}") for n in range(8)]
        for _ in range(3):
            await asyncio.gather(*(one.tick() for one in healings))
            await asyncio.gather(*(one.settled() for one in healings))
        assert toy.acted == ["ai_x"]
        assert made.outcomes() == ["done"]


async def begun(made: Bench, rule: Rule, targets: int, *, now: datetime = START) -> list[str]:
    """The verdicts of workers that begin at once, each for its own target, until all had a say."""

    async def one(number: int) -> str:
        while True:
            _, verdict = await made.store.begin(
                rule, "auto", Case(f"t{number}", "", "", {}), f"w{number}", now=now
            )
            if verdict != "busy":
                return verdict

    return list(await asyncio.gather(*(one(number) for number in range(targets))))


async def test_hourly_cap_holds_among_many(database: str) -> None:
    """However many begin at the same moment, a rule acts no more often in an hour than its cap."""
    rule = replace(RULES["vacuum_own"], cap=3)
    async with bench(database) as made:
        verdicts = await begun(made, rule, 24)
        assert (verdicts.count("go"), verdicts.count("capped")) == (3, 21)
        later = await begun(made, rule, 1, now=START + timedelta(minutes=59))
        assert later == ["capped"]
        assert await begun(made, rule, 1, now=START + timedelta(minutes=61)) == ["go"]


async def test_cap_of_all_rules_holds_among_many(database: str) -> None:
    """All rules together act twenty times an hour, also when all begin at the same moment."""
    async with bench(database) as made:
        counted = [replace(RULES[name], cap=None) for name in COUNTED]
        verdicts = await asyncio.gather(*(begun(made, rule, 4) for rule in counted))
        went = [verdict for some in verdicts for verdict in some if verdict == "go"]
        assert len(went) == TOTAL_PER_HOUR
        assert len(counted) * 4 > TOTAL_PER_HOUR


BEGIN = """SELECT verdict FROM ai_heal_begin_v1('{rule}', NULL, 'x', 'auto', '', '', '{{}}', 'w',
    0, NULL, '{{vacuum_own,back_off}}', 1)"""


async def test_no_rule_begins_while_another_is_deciding(database: str) -> None:
    """Whoever begins while another daemon has not committed waits, and counts what that began; of
    the same rule it does not even wait."""
    async with (
        bench(database) as made,
        await psycopg.AsyncConnection.connect(database) as first,
        await psycopg.AsyncConnection.connect(database, autocommit=True) as second,
        await psycopg.AsyncConnection.connect(database, autocommit=True) as third,
    ):
        begun = await first.execute(BEGIN.format(rule="vacuum_own").encode())
        assert await begun.fetchall() == [("go",)]
        await third.execute("SET lock_timeout = '2s'")
        same = await third.execute(BEGIN.format(rule="vacuum_own").encode())
        assert await same.fetchall() == [("busy",)]
        waits = asyncio.ensure_future(second.execute(BEGIN.format(rule="back_off").encode()))
        await eventually(
            lambda: waits.done() or made.rows("SELECT 1 FROM pg_locks WHERE NOT granted"),
            what="the second waits",
        )
        await first.commit()
        assert await (await waits).fetchall() == [("capped",)]


async def test_withheld_action_is_written_down_once(database: str) -> None:
    """What a cap forbids is one row of outcome skipped per cool-down, however often it is seen."""
    async with bench(database) as made:
        toy = Toy("a", "b", "c")
        for _ in range(6):
            await made.heal(toy)
        assert toy.acted == ["a", "b"]
        assert made.outcomes() == ["done", "done", "skipped"]


async def test_cool_down(database: str) -> None:
    """The same target is left alone until the rule's cool-down is over."""
    async with bench(database) as made:
        rule = replace(RULES["vacuum_own"], cap=None)
        case = Case("ai_x", "", "", {})
        minutes = (0, 29, 31)
        verdicts = [
            (await made.store.begin(rule, "auto", case, "w1", now=START + timedelta(minutes=m)))[1]
            for m in minutes
        ]
        assert verdicts == ["go", "cooling", "go"]


async def test_three_in_vain_wait_for_a_person(database: str) -> None:
    """A rule that did not help three times in a row only proposes from then on."""
    async with bench(database) as made:
        toy = Toy(helps=False)
        for _ in range(5):
            await made.heal(toy)
            made.rows("UPDATE ai_healing_actions SET started_at = started_at - interval '2 h'")
        assert made.outcomes() == ["no_effect", "no_effect", "no_effect", "proposed"]
        assert len(toy.acted) == 3


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("dry_run", ["dry_run"]), ("propose", ["proposed"]), ("off", [])],
)
async def test_modes_that_do_not_act(database: str, setting: Setting, expected: list[str]) -> None:
    """dry_run and propose write one row and change nothing; off does not even look."""
    async with bench(database) as made:
        made.settings["vacuum_own"] = setting
        toy = Toy()
        for _ in range(3):
            await made.heal(toy)
        assert toy.acted == []
        assert made.outcomes() == expected


async def test_switched_off(database: str) -> None:
    """With ENABLE_SELF_HEALING=false nothing acts, approved or not; rescues are still noted."""
    async with bench(database) as made:
        made.settings["vacuum_own"] = "propose"
        toy = Toy()
        await made.heal(toy)
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        reflexes = Reflexes(made.store, Meters(), "w1")
        reflexes.rescued(2)
        reflexes.polls()
        healing = made.healing(toy, enabled=False, reflexes=reflexes)
        await healing.tick()
        assert toy.acted == []
        assert made.outcomes() == ["proposed", "done"]
        assert made.rows()[1][0] == "rescue_lease"


async def test_approved_proposal_is_carried_out(database: str) -> None:
    """A proposal that a person approves is carried out once, and its row says who."""
    async with bench(database) as made:
        made.settings["vacuum_own"] = "propose"
        toy = Toy()
        await made.heal(toy)
        ((action_id,),) = made.rows("SELECT id FROM ai_healing_actions")
        answer = f"SELECT ai_heal_answer({action_id}, approve => {{}}, by => '{{}}')"
        assert made.rows(answer.format(True, "sam")) == [(True,)]
        assert made.rows(answer.format(False, "kim")) == [(False,)]
        healings = [made.healing(toy, worker=f"w{n}") for n in range(4)]
        await asyncio.gather(*(one.tick() for one in healings))
        await asyncio.gather(*(one.settled() for one in healings))
        assert toy.acted == ["ai_x"]
        assert made.rows("SELECT outcome, approved_by, after FROM ai_healing_actions") == [
            ("done", "sam", {"dead": 0})
        ]
        assert made.rows("SELECT actor, action, target FROM ai_audit_log") == [
            ("sam", "approve", f"healing:{action_id}")
        ]


async def test_declined_proposal_is_over(database: str) -> None:
    """A proposal that a person declines is not carried out, and not proposed again at once."""
    async with bench(database) as made:
        made.settings["vacuum_own"] = "propose"
        toy = Toy()
        await made.heal(toy)
        made.rows("SELECT ai_heal_answer(id, false, 'sam') FROM ai_healing_actions")
        await made.heal(toy)
        assert toy.acted == []
        ((outcome, reason),) = made.rows("SELECT outcome, reason FROM ai_healing_actions")
        assert (outcome, reason) == ("skipped", "late; declined by sam")


async def test_approved_but_over(database: str) -> None:
    """What has become well before the approval is carried out is left alone."""
    async with bench(database) as made:
        made.settings["vacuum_own"] = "propose"
        toy = Toy("a")
        await made.heal(toy)
        made.rows("SELECT ai_heal_answer(id, true, 'sam') FROM ai_healing_actions")
        toy.targets = ("b",)
        await made.heal(toy)
        assert toy.acted == []
        assert ("vacuum_own", "a", "propose", "no_effect") in made.rows()


async def test_missing_right_names_the_grant(database: str) -> None:
    """An action for which a right is missing is a failed row with what to grant, no crash."""

    class Refused(Toy):
        grants: ClassVar[str] = "GRANT MAINTAIN ON ai_x"

    async with bench(database) as made:
        await made.heal(Refused(raises=psycopg.errors.InsufficientPrivilege("must be owner")))
        assert made.rows("SELECT outcome, reason FROM ai_healing_actions") == [
            ("failed", "late; must be owner; GRANT MAINTAIN ON ai_x")
        ]


async def test_a_rule_that_breaks_stops_no_other(database: str) -> None:
    """A bug in one rule costs that rule's turn only."""

    class Broken(Toy):
        rule: ClassVar[str] = "shed_cost"

        async def find(self, seen: Seen) -> Sequence[Case]:
            raise KeyError("bug")

    async with bench(database) as made:
        toy = Toy()
        await made.heal(Broken(), toy)
        assert toy.acted == ["ai_x"]


async def test_dead_worker_leaves_no_open_row(database: str) -> None:
    """The row of a daemon that died over an action is ended by another."""
    async with bench(database) as made:
        made.rows(
            "INSERT INTO ai_healing_actions (rule, mode, started_at)"
            " VALUES ('vacuum_own', 'auto', now() - interval '2 hours')"
        )
        await made.heal()
        assert made.outcomes() == ["failed"]


async def test_unknown_leads_to_nothing(database: str) -> None:
    """What could not be seen is never acted on, whatever was seen before."""
    async with bench(database) as made:
        healing = made.healing(VacuumOwn(lambda: made.made.database.patient("healing")))
        await healing.observe([check("database.autovacuum_late", target="ai_requests")])
        await healing.observe([check("database.autovacuum_late", status="unknown")])
        await healing.tick()
        await healing.settled()
        assert made.rows() == []
