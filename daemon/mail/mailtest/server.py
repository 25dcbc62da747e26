"""A mail server for the tests: aiosmtpd with a maildir. It prints its port, and ends when its standard input does."""
import argparse, asyncio, json, ssl, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

parser = argparse.ArgumentParser()
parser.add_argument("--maildir", required=True)
parser.add_argument("--log", required=True)  # a line of JSON for each password that is shown
parser.add_argument("--tls", choices=["starttls", "implicit", "none"], required=True)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--password")
parser.add_argument("--mechanism")  # the only way to show a password
parser.add_argument("--refuse")  # the recipient who does not exist
parser.add_argument("--answer")  # what is said to every mail
parser.add_argument("--hang", action="store_true")
options = parser.parse_args()


class Handler(Mailbox):
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if options.hang:
            await asyncio.Event().wait()
        if address == options.refuse:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if options.answer == "echo":
            return "554 5.7.1 spam: " + " ".join(envelope.content.decode().split())
        return await super().handle_DATA(server, session, envelope)


def authenticate(server, session, envelope, mechanism, data):
    shown = {"mechanism": mechanism, "user": data.login.decode(), "password": data.password.decode(), "tls": session.ssl is not None}
    with open(options.log, "a", encoding="utf-8") as log:
        log.write(json.dumps(shown) + "\n")
    if options.password is None or shown["password"] == options.password:
        return AuthResult(success=True)
    return AuthResult(success=False, handled=False, message="535 5.7.8 wrong: " + shown["password"])


async def serve():
    context = None
    if options.cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.cert, options.key)
    others = [m for m in ("LOGIN", "PLAIN") if options.mechanism and m != options.mechanism]
    handler = Handler(options.maildir)

    def session():
        return SMTP(
            handler, hostname="mail.test", authenticator=authenticate, auth_required=options.password is not None,
            auth_require_tls=False, auth_exclude_mechanism=others, tls_context=context if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
        )

    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if options.tls == "implicit" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


try:
    asyncio.run(serve())
finally:
    sys.stdout.flush()
