"""Where mail goes."""

import pytest

from auth_service.mail.smtp import SmtpServer, parse_smtp_url
from chassis.lifecycle import Fatal


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, None, None, False, True)),
        ("smtp://mail.example:25?starttls=offered", SmtpServer("mail.example", 25, None, None, False, None)),
        ("smtp://127.0.0.1:2525/?starttls=never", SmtpServer("127.0.0.1", 2525, None, None, False, False)),
        ("smtps://mail.example", SmtpServer("mail.example", 465, None, None, True, False)),
        ("smtps://me%40x:p%2Fw@[::1]:999", SmtpServer("::1", 999, "me@x", "p/w", True, False)),
    ],
)
def test_a_url_says_where_and_how(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://:secret@:25",
        "smtp://me:secret@mail.example:99999",
        "smtp://me:secret@mail.example/path",
        "smtp://me:secret@mail.example?starttls=maybe",
        "smtp://me:secret@mail.example?start_tls=never",
        "smtp://me:secret@mail.example#x",
    ],
)
def test_another_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(Fatal, match="SMTP_URL must be") as caught:
        parse_smtp_url(url)
    assert "secret" not in str(caught.value)
