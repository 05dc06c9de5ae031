"""Whatever is posted to the mail relays' door: stored, or refused in words, but never an error."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import quote, urlencode
from uuid import uuid4

from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import func, select

from service.gateways.email_text import own_words
from service.store.engine import Sessions
from service.store.patients import Address
from service.store.replies import Reply
from service.store.secrets import Vault
from tests.web.test_mail_webhook import Door, door
from tests.web.test_webhooks_fuzzed import FUZZED, letters

__all__ = ["door"]

CARE = "care@bayou.example"
FORM = "application/x-www-form-urlencoded"
PARTS = 'multipart/form-data; boundary="B"'


def any_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split())


_BITS = any_of(
    """=?utf-8?b?a?= =?x?q?=ff?= <a@b> ana@example.com care@bayou.example " ( < > ; , : @ = *0*= ''
    % B --B [ { &# <!-- <style> <![x[ <blockquote> text/plain text/html multipart/mixed image/png
    multipart/report message/rfc822 charset boundary filename name base64 quoted-printable
    x-uuencode utf-7 idna failed 5.1.1 null STOP 7 ñ 🛑"""
) | st.sampled_from(["", " ", "\0", "\r\n", "\n ", "\ud83d"])
values = st.lists(_BITS, max_size=8).map("".join) | st.text(letters, max_size=60)
_NAMES = any_of(
    """From To Cc Subject Message-ID In-Reply-To References Content-Type Content-Disposition
    Content-Transfer-Encoding Auto-Submitted List-Id Return-Path Delivered-To Action Status
    Final-Recipient Precedence MIME-Version X"""
)
headers = st.lists(st.tuples(_NAMES | values, values), max_size=8)
_FIELDS = any_of(
    """from sender recipient to cc text html body-plain body-html email body-mime message headers
    message-headers envelope subject message-id"""
)
fields = st.lists(st.tuples(_FIELDS | values, values), max_size=8)


def in_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def written(lines: list[tuple[str, str]], body: str) -> bytes:
    """A mail with these headers, which reaches the clinic if they leave it whole."""
    usual = [("To", CARE), ("Message-ID", f"<{uuid4().hex}@example.com>")]
    head = "".join(f"{name}: {value}\r\n" for name, value in [*usual, *lines])
    return in_bytes(f"{head}\r\n{body}")


def in_parts(pairs: list[tuple[str, str]]) -> bytes:
    """A form of parts, as browsers send files."""
    head = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    return in_bytes("".join(f"--B\r\n{head.format(*pair)}" for pair in pairs) + "--B--\r\n")


def encoded(pairs: list[tuple[str, str]]) -> bytes:
    return urlencode(pairs, errors="surrogatepass").encode()


usual = st.lists(st.sampled_from([("recipient", CARE), ("from", "ana@example.com")]), max_size=2)
posts = st.one_of(
    st.tuples(st.just("message/rfc822"), st.builds(written, headers, values)),
    st.tuples(st.just(FORM), st.builds(lambda a, b: encoded(a + b), usual, fields)),
    st.tuples(st.just(PARTS), st.builds(lambda a, b: in_parts(a + b), usual, fields)),
    st.tuples(
        st.sampled_from(["", FORM, PARTS, "text/plain", "multipart/form-data", "application/json"])
        | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
        st.binary(max_size=500) | st.builds(in_bytes, values),
    ),
)


def rows(sessions: Sessions) -> tuple[int, int]:
    """How many replies and addresses there are."""
    with sessions() as db:
        replies, addresses = (
            db.scalar(select(func.count()).select_from(one)) or 0 for one in (Reply, Address)
        )
        return replies, addresses


@FUZZED
@given(post=posts)
def test_whatever_is_posted_is_stored_or_refused(
    door: Door, sessions: Sessions, post: tuple[str, bytes]
):
    kind, body = post
    before = rows(sessions)

    status = door.client.post(door.url, content=body, headers={"Content-Type": kind}).status_code

    assert status in (204, 404, 422)
    if status == 204:
        # A mail may come under a name that was stored before.
        assert rows(sessions)[0] - before[0] in (0, 1)
        with sessions() as db:
            newest = db.scalars(select(Reply).order_by(Reply.id.desc()).limit(1)).one()
            assert newest.read_at is not None
    else:
        assert rows(sessions) == before


@FUZZED
@given(words=st.text(letters, max_size=300), html=st.booleans())
def test_what_a_patient_writes_in_any_letters_is_stored_and_read(
    door: Door, sessions: Sessions, words: str, html: bool
):
    plain = " ".join(words.replace("<", "").replace("&", "").replace("\0", "").split())
    assume(own_words(plain) == plain)
    mail = EmailMessage()
    mail["From"], mail["To"] = "Ana <ana@example.com>", CARE
    mail["Message-ID"] = ref = f"<{uuid4().hex}@example.com>"
    mail["In-Reply-To"] = "<check-in@bayou.example>"
    mail.set_content(plain, subtype="html" if html else "plain", cte="base64")

    answer = door.client.post(
        door.url, content=mail.as_bytes(), headers={"Content-Type": "message/rfc822"}
    )

    assert answer.status_code == 204
    with sessions() as db:
        reply = db.scalars(select(Reply).where(Reply.provider_ref == ref)).one()
        assert (reply.body, reply.read_at is None) == (plain, False)


@FUZZED
@given(token=st.text(letters, min_size=1, max_size=40), post=posts)
def test_without_the_secret_nothing_is_taken_whatever_it_is(
    door: Door, sessions: Sessions, vault: Vault, token: str, post: tuple[str, bytes]
):
    kind, body = post
    path = f"/webhooks/email/inbound/{quote(token, safe='')}"

    answer = door.client.post(path, content=body, headers={"Content-Type": kind})

    assert answer.status_code in (403, 404)
    assert rows(sessions) == (0, 0)
