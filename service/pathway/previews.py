"""A message's words as they would go out now, for who looks at a plan and is not its patient."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from service.domain.emails import EmailLinks
from service.domain.slots import MissingSlot
from service.domain.values import Channel
from service.pathway.composing import email_of, text_of
from service.store.clinics import Clinic
from service.store.messages import Message

# Who reads a preview must not answer, or end emails, in the patient's place.
NO_LINKS = EmailLinks(
    unsubscribe="(the patient's own link)", check_in="(the patient's own link)", app="(a link)"
)


def preview_of(message: Message, clinic: Clinic, zone: ZoneInfo) -> str | None:
    """Return the words; None when a blank cannot be filled yet.

    An email's subject stands above its text; its links are left out.
    """
    try:
        if message.channel is Channel.SMS:
            return text_of(message, clinic, zone).text
        email = email_of(message, clinic, zone, NO_LINKS)
    except MissingSlot:
        return None
    return f"{email.subject}\n\n{email.text}"
