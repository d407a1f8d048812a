"""A mail server of somebody else's: takes what it is given and prints each message as one line of JSON.

The recipient says how it behaves: `refuse…@` is unknown at RCPT, `later…@` gets 451 there, `reject…@` gets
554 at the end of the data; all others are taken. With `TLS=yes` it offers STARTTLS, and AUTH PLAIN after it;
nobody has to log in, and whatever a client logs in with is printed.
"""

import asyncio
import base64
import json
import os
import ssl

NAME = os.environ["NAME"]
TLS = os.environ.get("TLS") == "yes"
ANSWERS = {
    "refuse": "550 5.1.1 no such user here",
    "later": "451 4.3.0 come back later",
}


class Session:
    """One SMTP session."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.client = writer.get_extra_info("peername")[0]
        self.helo = ""
        self.sender = ""
        self.recipients: list[str] = []
        self.encrypted = False
        self.login: list[str] = []

    async def say(self, *lines: str) -> None:
        """Send one reply, of one or several lines."""
        code = lines[0][:3]
        rest = [line.removeprefix(f"{code} ") for line in lines]
        marks = ["-"] * (len(rest) - 1) + [" "]
        text = "".join(f"{code}{mark}{line}\r\n" for mark, line in zip(marks, rest, strict=True))
        self.writer.write(text.encode())
        await self.writer.drain()

    async def run(self) -> None:
        """Answer until the client leaves."""
        await self.say(f"220 {NAME} ESMTP")
        while line := (await self.reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            if verb == "QUIT":
                await self.say("221 2.0.0 bye")
                return
            await self.answer(verb, argument)

    async def answer(self, verb: str, argument: str) -> None:
        """Answer one command."""
        address = argument.partition("<")[2].partition(">")[0]
        if verb in {"EHLO", "HELO"}:
            self.helo = argument
            offers = ["PIPELINING", "8BITMIME", "SIZE 52428800", "ENHANCEDSTATUSCODES"]
            offers += ["AUTH PLAIN"] if self.encrypted else ["STARTTLS"] if TLS else []
            await self.say(f"250 {NAME}", *offers)
        elif verb == "STARTTLS" and TLS:
            await self.say("220 2.0.0 go ahead")
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain("/etc/peer.crt", "/etc/peer.key")
            await self.writer.start_tls(context)
            self.encrypted = True
        elif verb == "AUTH" and self.encrypted:
            self.login = base64.b64decode(argument.partition(" ")[2]).decode().split("\0")[1:]
            await self.say("235 2.7.0 welcome")
        elif verb == "MAIL":
            self.sender, self.recipients = address, []
            await self.say("250 2.1.0 ok")
        elif verb == "RCPT":
            refusal = next((text for word, text in ANSWERS.items() if address.startswith(word)), None)
            if refusal is None:
                self.recipients.append(address)
            await self.say(refusal or "250 2.1.5 ok")
        elif verb == "DATA":
            await self.data()
        elif verb in {"RSET", "NOOP"}:
            await self.say("250 2.0.0 ok")
        else:
            await self.say("502 5.5.2 unknown command")

    async def data(self) -> None:
        """Take one message and print it with its raw bytes, dots still doubled."""
        await self.say("354 go ahead")
        raw = b""
        while not (raw == b".\r\n" or raw.endswith(b"\r\n.\r\n")):
            more = await self.reader.readline()
            if not more:
                return
            raw += more
        if any(address.startswith("reject") for address in self.recipients):
            await self.say("554 5.7.1 not wanted here")
            return
        message = {
            "client": self.client,
            "helo": self.helo,
            "sender": self.sender,
            "recipients": self.recipients,
            "encrypted": self.encrypted,
            "login": self.login,
            "raw": base64.b64encode(raw.removesuffix(b".\r\n")).decode(),
        }
        print(json.dumps(message))
        await self.say("250 2.0.0 taken")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client, whatever it does."""
    try:
        await Session(reader, writer).run()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on every address, for ever."""
    server = await asyncio.start_server(serve, None, 25, limit=2**20)
    print("ready")
    await server.serve_forever()


asyncio.run(main())
