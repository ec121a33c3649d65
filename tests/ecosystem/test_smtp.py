"""aiosmtpd with STARTTLS, for which it puts the standard library's own TLS over our TCP transport; aiosmtplib sends."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from typing import Any

from loop_selector import new_event_loop, run
from tests.ecosystem.support import assert_on_our_loop, free_port, library
from tests.support import Certificates

smtp = library("aiosmtpd.smtp")
controller = library("aiosmtpd.controller")
aiosmtplib = library("aiosmtplib")


class Mailbox:
    """Keeps what was sent, and whether it came over TLS."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, list[str], bytes]] = []

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:
        assert_on_our_loop()
        self.mails.append((session.ssl is not None, envelope.rcpt_tos, envelope.content))
        return "250 kept"


def letter(number: int) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "one@example.org", "two@example.org", f"letter {number}"
    message.set_content("line\n" * 20_000 + f"end {number}\n")
    return message


def test_mail_is_sent_after_starttls(certificates: Certificates) -> None:
    mailbox = Mailbox()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        options = {"tls_context": certificates.server, "require_starttls": True, "hostname": "localhost"}
        server = await loop.create_server(lambda: smtp.SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            client = aiosmtplib.SMTP(hostname="localhost", port=port, start_tls=True, tls_context=certificates.client)
            async with client:
                for number in range(3):
                    _, reply = await client.send_message(letter(number))
                    assert reply == "kept"

    run(main())
    assert [(tls, to) for tls, to, _ in mailbox.mails] == [(True, ["two@example.org"])] * 3
    for number, (_, _, content) in enumerate(mailbox.mails):
        assert content.count(b"line\r\n") == 20_000
        assert content.endswith(b"end %d\r\n" % number)


def test_the_controller_serves_a_blocking_client_from_a_thread(certificates: Certificates) -> None:
    mailbox = Mailbox()
    options = {"hostname": "127.0.0.1", "port": (port := free_port()), "loop": new_event_loop()}
    serving = controller.Controller(mailbox, tls_context=certificates.server, **options)
    serving.start()
    try:
        with smtplib.SMTP("localhost", port, timeout=20) as client:
            client.starttls(context=certificates.client)
            client.send_message(letter(7))
    finally:
        serving.stop()
    assert [tls for tls, _, _ in mailbox.mails] == [True]
