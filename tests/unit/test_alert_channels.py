"""Where alerts go and what they say there."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from daemon.alerts.assembly import service_name
from daemon.alerts.channels import body, channels, mail, signature
from daemon.alerts.words import heading, lines
from daemon.errors import ConfigurationError
from daemon.outgoing import CarefulResolver, ForbiddenAddress, careful_session, careful_socket
from daemon.outward import refusal
from daemon.settings import load

SECRET = "T0KEN/s3cret"
SLACK = f"https://hooks.slack.com/services/{SECRET}"
DISCORD = f"https://discord.com/api/webhooks/{SECRET}"
PLAIN = f"https://hooks.example.com/{SECRET}"
MAIL = "smtp://sam:s3cret@mail.example.com:587?to=a@example.com,b@example.com&from=ai@example.com"


def alert(**values: Any) -> dict[str, Any]:
    return {
        "alert": 7,
        "check": "queue.oldest_pending",
        "target": "",
        "severity": "critical",
        "state": "firing",
        "event": "firing",
        "message": "the oldest request waits for 400 s",
        "value": 400.0,
        "threshold": 300.0,
        "remedy": "start a worker",
        "since": "2026-03-01T00:00:00+00:00",
        "lasted_seconds": None,
        "healed_by": None,
        "was": None,
        "service": "FitnessCRM AI of app.example.com",
        "url": "/gui/health",
    } | values


def test_each_host_gets_its_shape() -> None:
    """Slack and Discord are known by their hosts, mail by its scheme, all others get JSON."""
    found = channels([SLACK, DISCORD, PLAIN, MAIL])
    assert [one.kind for one in found] == ["slack", "discord", "webhook", "smtp"]


def test_a_setting_holds_several_of_them() -> None:
    """Commas stand between addresses, and between the receivers of a mail."""
    given = load(alert_webhook_url=f"{PLAIN}, {MAIL},{SLACK},")
    found = channels(given.alert_webhook_url)
    assert [one.url for one in found] == [PLAIN, MAIL, SLACK]
    assert mail(MAIL, "the-id", [alert()])["To"] == "a@example.com, b@example.com"


def test_name_hides_the_address() -> None:
    """What is stored and shown of a channel holds no part of its secret."""
    for one in channels([SLACK, DISCORD, PLAIN, MAIL]):
        assert "s3cret" not in one.name + repr(one)
    first, second = channels([PLAIN, PLAIN + "2"])
    assert first.name != second.name


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com",
        "hooks.example.com",
        "https://",
        "https://[::1",
        "smtp://mail.example.com",
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/x",
        "http://0xa9.0xfe.0xa9.0xfe/x",
        "http://0251.0376.43518/x",
        "http://１６９.254.169.254/x",
        "http://169。254。169。254/x",
        "http://169.254.169.254./x",
        "http://sam@169.254.169.254/x",
        "http://[64:ff9b::a9fe:a9fe]/x",
        "http://[2002:a9fe:a9fe::1]/x",
        "http://[::ffff:0:a9fe:a9fe]/x",
        "http://[fd20:ce::254]/x",
        "http://[fe80::1%25eth0]/x",
        "http://127.1/x",
        "http://[fe80::1]/x",
        "http://[::ffff:169.254.169.254]/x",
        "http://[fd00:ec2::254]/x",
        "http://[fd00:ec2::23]/v1/credentials",
        "http://100.100.100.200/x",
        "http://0.0.0.0/x",
        "http://127.0.0.2/x",
        "smtp://169.254.169.254?to=a@example.com",
        "smtp://mail.example.com?to=a@",
        "smtp://mail.example.com:465?to=a@example.com",
        "smtp://mail.example.com?to=a@example.com,b@%5B",
        "smtp://mail.example.com?to=a@example.com&from=%3C",
        "smtp://mail.example.com?to=a%0A@example.com",
        "smtp://mail.example.com?to=a@example.com,hooks.example.com/x",
    ],
)
def test_useless_address_stops_the_start(address: str) -> None:
    """An address that cannot be used, or must not, is named by its place, never repeated."""
    with pytest.raises(ConfigurationError, match="ALERT_WEBHOOK_URL: number 2") as raised:
        channels([PLAIN, address])
    assert address not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "192.168.1.4"])
def test_own_network_is_allowed(host: str) -> None:
    """A relay beside the service, said in so many words, and a private network may be used."""
    assert channels([f"http://{host}:8080/x"])[0].kind == "webhook"


def test_name_that_leads_here_is_refused() -> None:
    """A name that merely resolves to this machine is no way in."""
    assert refusal("127.0.0.1", "rebound.example.com") is not None
    assert refusal("::1", "rebound.example.com") is not None
    assert refusal("127.0.0.1", "localhost") is None


async def test_resolution_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The very addresses that a connection would use are looked at, for webhooks and for mail."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ForbiddenAddress):
        await CarefulResolver().resolve("metadata.example.com", 80)
    with pytest.raises(ForbiddenAddress):
        careful_socket("metadata.example.com", 25, 1.0)


@pytest.mark.parametrize(
    "url",
    ["http://１６９.254.169.254/x", "http://[::ffff:a9fe:a9fe]/x", "http://[2002:a9fe:a9fe::]/x"],
)
async def test_sockets_are_looked_at(url: str) -> None:
    """A client asks no resolver about a host that is an address, however it is spelled; such a
    connection is refused all the same, before a byte is sent."""
    async with careful_session(5.0, loopback=True) as session:
        with pytest.raises((ForbiddenAddress, aiohttp.ClientConnectorError)) as raised:
            await session.get(url)
    error = raised.value
    assert "metadata address" in str(getattr(error, "os_error", None) or error)


async def test_an_ordinary_receiver_behind_a_translator() -> None:
    """On a network of IPv6 alone names lead to translated addresses; they are judged as meant."""
    assert refusal("64:ff9b::808:808", "hooks.example.com") is None
    assert refusal("64:ff9b::7f00:1", "hooks.example.com") == "leads to this machine"


def test_json_of_one_alert() -> None:
    """A webhook gets the documented keys, and the id by which repetitions are told."""
    value = json.loads(body("webhook", "id-1", [alert()]))
    documented = "alert check severity state message value threshold remedy since url"
    assert set(documented.split()) <= set(value)
    assert (value["id"], value["check"], len(value["alerts"])) == ("id-1", alert()["check"], 1)


def test_json_of_several_leads_with_the_worst() -> None:
    """Of several alerts the worst open one stands in front, all of them in alerts."""
    over = alert(alert=1, state="resolved", event="resolved", lasted_seconds=5)
    mild = alert(alert=2, severity="warning")
    value = json.loads(body("webhook", "x", [over, mild, alert(alert=3)]))
    assert [value["alert"], *(one["alert"] for one in value["alerts"])] == [3, 3, 2, 1]


def test_signature_is_an_hmac_of_the_body() -> None:
    """X-Signature is what a receiver computes from the body and the shared key."""
    expected = hmac.new(b"key", b"body", hashlib.sha256).hexdigest()
    assert signature("key", b"body") == f"sha256={expected}"


def test_slack_text_is_escaped() -> None:
    """Nothing in a message can mention people or open links in Slack."""
    text = json.loads(body("slack", "x", [alert(message="<!channel> a & b")]))["text"]
    assert "&lt;!channel&gt; a &amp; b" in text


def test_discord_mentions_nobody_and_is_short() -> None:
    """A message for Discord keeps its limit and mentions nobody."""
    value = json.loads(body("discord", "x", [alert(message="@everyone " * 500)]))
    assert len(value["content"]) <= 2000
    assert value["content"].endswith("\n…")
    assert value["allowed_mentions"] == {"parse": []}


def test_mail_has_its_receivers() -> None:
    """A mail goes to all receivers and has the message's id; a newline makes no header."""
    letter = mail(MAIL, "id-1", [alert(check="a\nBcc: x@example.com")])
    assert letter["To"] == "a@example.com, b@example.com"
    assert (letter["From"], letter["Bcc"]) == ("ai@example.com", None)
    assert "id-1" in letter["Message-ID"]
    assert parsedate_to_datetime(letter["Date"]).tzinfo is not None
    assert letter["Auto-Submitted"] == "auto-generated"


def test_recovery_tells_how_long_and_what_healed() -> None:
    """The end of an alert says how long it lasted and what ended it."""
    over = alert(
        state="resolved",
        event="resolved",
        lasted_seconds=754,
        healed_by="vacuum_own (action 3)",
    )
    assert heading([over]) == "FitnessCRM AI of app.example.com [resolved] queue.oldest_pending"
    assert lines([over])[0] == (
        "resolved: queue.oldest_pending: over after 13 minutes, healed by vacuum_own (action 3)"
    )
    gone = over | {"healed_by": "nothing reports it any more"}
    assert lines([gone])[0] == (
        "resolved: queue.oldest_pending: over after 13 minutes: nothing reports it any more"
    )


def test_who_is_woken_knows_which_alert_it_is_and_since_when() -> None:
    """A repetition without a time reads like news, and only the id lets one acknowledge it."""
    assert lines([alert(alert=7, event="repeated")])[-1] == (
        "  since 2026-03-01 00:00 UTC; alert 7, in the console at /gui/health"
    )


def test_growing_worse_is_no_neglect() -> None:
    """A warning that became critical is told as that: somebody may well take care of it."""
    grown = alert(event="escalated", severity="critical", was="warning")
    assert "[critical, was a warning]" in heading([grown])
    left = alert(event="escalated", severity="critical")
    assert "[critical, nobody takes care of it]" in heading([left])


def test_the_service_names_its_site() -> None:
    """Of staging and production, which report to one room, each says which it is."""
    site = load(main_app_url="https://staging.example.com:8443/app")
    assert service_name(site) == "FitnessCRM AI of staging.example.com"
    assert service_name(load()) == "FitnessCRM AI"


def test_markup_stays_text_in_discord() -> None:
    """What another wrote, an application's name for one, makes no link of its own."""
    value = json.loads(body("discord", "x", [alert(message="[ok](https://evil.example) *a*")]))
    assert r"\[ok\](https://evil.example) \*a\*" in value["content"]
