"""Whatever comes to the text provider's doors: a signed text is stored whole or refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID, uuid4

import phonenumbers
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from service.app import reply_rules
from service.domain.receipts import climbs
from service.domain.values import Channel, MessageState
from service.pathway.receipts import record_receipt
from service.store.engine import Sessions
from service.store.messages import Message
from service.store.patients import Address, Patient, address_for
from service.store.replies import Reply
from service.web.deps import WebParts
from service.web.site import build_site
from service.web.webhooks import TwilioWebhook, router
from tests.make import NOON, a_clinic
from tests.pathway.builders import PHONE, a_message, a_patient, a_sent_checkin, a_session
from tests.web.test_webhooks import ACCOUNT, PATH, TEXT, URL

Pairs = list[tuple[str, str]]

FUZZED = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
ANAS_PHONE = "+17135550222"

letters = st.characters(exclude_categories=["Cs"])
words = st.text(letters, max_size=200) | st.sampled_from(
    ["", "\0", "STOP", "7", "yes" * 500, "\u202e", "🛑" * 99, "ana", "Ben 3", "C", "start", "911"]
)
senders = st.sampled_from(
    [PHONE, ANAS_PHONE] * 60
    + [
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        if (number := phonenumbers.example_number_for_type(region, 1)) is not None
    ]
)
photos = st.lists(st.tuples(words, words), max_size=10)
_MORE = ["FromCity", "OptOutType", "ApiVersion", "NumSegments", "ToCountry", "ProfileName", "ñ", ""]
additions = st.lists(st.tuples(st.sampled_from(_MORE) | words, words), max_size=5)
_ODD = st.sampled_from(["\0", "", " ", "0", "1", "11", "-1", "٣", "+1", "+12815550000\n", "?" * 99])


@dataclass
class Doors:
    """The provider's two doors, and what is behind them."""

    client: TestClient
    sessions: Sessions

    def post(self, pairs: Pairs, path: str = PATH, **headers: str) -> int:
        """Post a form that the provider signed."""
        signature = signature_of(pairs, path)
        given = {"X-Twilio-Signature": signature} | headers
        return self.client.post(path, content=encoded(pairs), headers=given).status_code

    def stored(self) -> list[tuple[str, str | None, bool]]:
        """Each reply: its name at the provider, its words, and whether it was read."""
        with self.sessions() as db:
            rows = db.scalars(select(Reply).order_by(Reply.id))
            return [(row.provider_ref, row.body, row.read_at is not None) for row in rows]

    def rows(self) -> list[int]:
        """How many rows there are of what a text can bring about."""
        with self.sessions() as db:
            counts = [select(func.count()).select_from(one) for one in (Reply, Address, Message)]
            return [db.scalar(count) or 0 for count in counts]


def encoded(pairs: Pairs) -> bytes:
    return urlencode(pairs, errors="surrogatepass").encode()


def signature_of(pairs: Pairs, path: str, token: str = "token") -> str:
    return str(RequestValidator(token).compute_signature(URL + path, ImmutableMultiDict(pairs)))


@pytest.fixture
def doors(engine: Engine, sessions: Sessions) -> Iterator[Doors]:
    """A clinic with a patient who was asked, and two who share a phone."""
    with sessions.begin() as db:
        clinic = a_clinic(db)
        for name in ("Ana", "Ben", "Cleo"):
            patient = a_patient(db, clinic)
            patient.first_name = name
            if name == "Ana":
                own = address_for(db, clinic.id, Channel.SMS, ANAS_PHONE, NOON)
                patient.phone_address_id = own.id
            a_sent_checkin(db, a_session(db, patient), patient)
    twilio = TwilioWebhook(ACCOUNT, ("token",), URL)
    routes = router(sessions, twilio, reply_rules(), record_receipt, lambda: NOON)
    with TestClient(build_site(WebParts(engine, sessions, lambda: NOON), routes)) as client:
        yield Doors(client, sessions)


def a_text(**changes: str) -> dict[str, str]:
    return TEXT | {"MessageSid": f"SM{uuid4().hex}"} | changes


@FUZZED
@given(body=words, sender=senders, media=photos, more=additions)
def test_whatever_a_patient_writes_is_stored_as_it_came_and_read(
    doors: Doors, body: str, sender: str, media: list[tuple[str, str]], more: Pairs
):
    form = a_text(Body=body, From=sender, NumMedia=str(len(media)))
    for number, (url, kind) in enumerate(media):
        form |= {f"MediaUrl{number}": url, f"MediaContentType{number}": kind}
    theirs = [pair for pair in more if pair[0] not in form]

    assert doors.post([*form.items(), *theirs]) == 200

    assert (form["MessageSid"], body, True) in doors.stored()


@st.composite
def mangled(draw: st.DrawFn, whole: Sequence[str]) -> list[tuple[str, str, str]]:
    """What is done to a form: a field lost, repeated, given another value, or made too long."""
    names = st.sampled_from([*whole, "MessagingServiceSid", "MediaUrl0", "SmsSid", "ErrorCode"])
    what = st.sampled_from(["lost", "again", "changed", "long", "many"])
    return draw(st.lists(st.tuples(what, names, _ODD | words), min_size=1, max_size=3))


def carried_out(form: dict[str, str], done: list[tuple[str, str, str]]) -> Pairs:
    pairs = list(form.items())
    for what, name, value in done:
        match what:
            case "lost":
                pairs = [pair for pair in pairs if pair[0] != name]
            case "again":
                pairs.append((name, value))
            case "changed":
                pairs = [(one, value if one == name else was) for one, was in pairs] + (
                    [] if name in form else [(name, value)]
                )
            case "long":
                pairs.append((name, "x" * 66_000))
            case _:
                pairs += [(name, value)] * 250
    return pairs


@FUZZED
@given(done=mangled(list(TEXT)))
def test_a_signed_text_that_is_not_whole_is_refused_and_leaves_nothing(
    doors: Doors, done: list[tuple[str, str, str]]
):
    pairs, before = carried_out(a_text(), done), doors.rows()

    status = doors.post(pairs)

    assert status in (200, 403, 404, 413)
    if status == 200:
        [body] = [value for name, value in pairs if name == "Body"]
        [ref] = [value for name, value in pairs if name == "MessageSid"]
        assert (ref, body, True) in doors.stored()
    else:
        assert doors.rows() == before


def test_a_text_to_a_service_that_no_database_could_name_is_refused(doors: Doors):
    form = a_text(To="+12815559999", MessagingServiceSid="\0")

    assert doors.post(list(form.items())) in (403, 404)


_CONTENT_TYPES = st.sampled_from(
    [
        "application/x-www-form-urlencoded",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain; charset=utf-16",
        "",
    ]
)
forgeries = st.fixed_dictionaries(
    {},
    optional={
        "X-Twilio-Signature": st.text(
            st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"])
        ),
        "X-Twilio-Webhooks-Signature-Settings": st.sampled_from(
            ["algorithm=HMAC_SHA256", "algorithm=none", "algorithm=", "key=x,algorithm=MD5", "=,,="]
        ),
        "Content-Type": _CONTENT_TYPES,
        "Host": st.sampled_from(["else.example", "[::1", "care.example:99999999"]),
    },
)


@FUZZED
@given(
    body=st.binary(max_size=2000)
    | st.builds(encoded, st.lists(st.tuples(words, words), max_size=9))
    | st.builds(lambda: encoded(list(a_text().items()))),
    headers=forgeries,
    status=st.booleans(),
)
def test_what_the_provider_did_not_sign_is_refused_and_leaves_nothing(
    doors: Doors, body: bytes, headers: dict[str, str], status: bool
):
    path = f"/webhooks/twilio/status/{uuid4()}" if status else PATH
    before = doors.rows()
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    assert doors.client.post(path, content=body, headers=given).status_code == 403

    assert doors.rows() == before


@FUZZED
@given(done=mangled(list(TEXT)), where=st.sampled_from(["form", "path", "query", "token"]))
def test_a_signature_of_something_else_is_refused(
    doors: Doors, done: list[tuple[str, str, str]], where: str
):
    form = a_text()
    signed = carried_out(form, done) if where == "form" else list(form.items())
    if set(signed) == set(form.items()):
        return
    path = {"path": f"{PATH}/", "query": f"{PATH}?a=b"}.get(where, PATH)
    signature = signature_of(signed, path, "another" if where == "token" else "token")
    before = doors.rows()

    answer = doors.client.post(
        PATH, content=encoded(list(form.items())), headers={"X-Twilio-Signature": signature}
    )

    assert answer.status_code == 403
    assert doors.rows() == before


# --- what became of our texts ----------------------------------------------------------------

_STATUSES = ["queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "canceled"]


def just_sent(doors: Doors, ref: str) -> UUID:
    with doors.sessions.begin() as db:
        patient = db.scalars(select(Patient).order_by(Patient.id)).first()
        assert patient is not None
        session = a_session(db, patient)
        return a_message(
            db,
            session,
            patient,
            "checkin_48h",
            state=MessageState.ACCEPTED,
            reason="The provider has taken it.",
            provider_ref=ref,
        ).id


@FUZZED
@given(
    reports=st.lists(
        st.tuples(
            st.sampled_from(_STATUSES) | st.text(letters, max_size=22),
            st.none() | st.integers(0, 999_999).map(str) | _ODD,
        ),
        min_size=1,
        max_size=4,
    ),
    more=additions,
)
def test_whatever_is_reported_of_a_message_is_believed_or_refused(
    doors: Doors, reports: list[tuple[str, str | None]], more: Pairs
):
    ref = f"SM{uuid4().hex}"
    message_id = just_sent(doors, ref)
    path = f"/webhooks/twilio/status/{message_id}"
    stood = None

    for status, code in reports:
        form = TEXT | {"MessageSid": ref, "MessageStatus": status}
        form |= {} if code is None else {"ErrorCode": code}
        answer = doors.post([*form.items(), *(one for one in more if one[0] not in form)], path)

        assert answer in (200, 403)
        if answer == 200 and (stood is None or stood.state is not MessageState.CANCELLED):
            stood = climbs(stood.status if stood else None, status) or stood
        with doors.sessions() as db:
            row = db.get_one(Message, message_id)
            state = stood.state if stood else MessageState.ACCEPTED
            assert (row.provider_status, row.state) == (stood and stood.status, state)


@FUZZED
@given(which=st.text(letters, min_size=1, max_size=60))
def test_a_report_on_what_is_no_message_is_refused(doors: Doors, which: str):
    path = f"/webhooks/twilio/status/{quote(which, safe='')}"
    form = TEXT | {"MessageStatus": "delivered"}
    before = doors.rows()

    assert doors.post(list(form.items()), path) in (403, 404, 422)

    assert doors.rows() == before
