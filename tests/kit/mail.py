"""A mail server that takes whatever it is given, for tests of who sends mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class MailServer:
    """letters: what came, headers and body as sent. refuse: answer the sender with 550.
    unknown: a receiver that is answered so. dawdle_seconds: before each answer.
    """

    port: int = 0
    letters: list[str] = field(default_factory=list)
    receivers: list[list[str]] = field(default_factory=list)
    refuse: bool = False
    unknown: str = ""
    dawdle_seconds: float = 0.0
    _conversations: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talks to one who connected, until they are done or :meth:`end`."""
        conversation = asyncio.create_task(self._serve(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def end(self) -> None:
        """Hangs up on those who are still connected."""
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One conversation, command by command, without any extension."""
        to: list[str] = []

        async def say(line: str) -> None:
            await asyncio.sleep(self.dawdle_seconds)
            writer.write(line.encode() + b"\r\n")
            await writer.drain()

        await say("220 test")
        while line := (await reader.readline()).decode().strip():
            word = line.split(":", maxsplit=1)[0].upper()
            if word == "MAIL FROM" and self.refuse:
                await say("550 no")
            elif word == "RCPT TO" and self.unknown and self.unknown in line:
                await say("550 unknown")
            elif word == "RCPT TO":
                to.append(line.partition("<")[2].rstrip(">"))
                await say("250 ok")
            elif word == "DATA":
                await say("354 go on")
                letter = await reader.readuntil(b"\r\n.\r\n")
                self.letters.append(letter.decode())
                self.receivers.append(to)
                await say("250 taken")
            elif word == "QUIT":
                await say("221 bye")
                break
            else:
                await say("250 ok")


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    """A server on a free port of the loopback interface."""
    mails = MailServer()
    server = await asyncio.start_server(mails.begin, "127.0.0.1", 0)
    mails.port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield mails
        finally:
            await mails.end()
