"""Every route of staff's pages, by who it is for; a page that is not listed fails the tests."""

from __future__ import annotations

BEFORE_SIGNING_IN = {
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/code"),
    ("POST", "/sign-in/code"),
    ("POST", "/sign-out"),
    ("GET", "/set-up"),
    ("POST", "/set-up"),
    ("GET", "/invitation/{token}"),
    ("POST", "/invitation/{token}"),
    ("POST", "/invitation/{token}/join"),
    ("GET", "/reset"),
    ("POST", "/reset"),
    ("GET", "/reset/{token}"),
    ("POST", "/reset/{token}"),
}
"""They show nothing of any clinic to who has no link or password for it."""

SIGNED_IN = {
    ("GET", "/clinics"),
    ("POST", "/clinics"),
    ("GET", "/account"),
    ("POST", "/account/password"),
    ("POST", "/account/recovery-codes"),
    ("POST", "/account/sign-out-everywhere"),
    ("GET", "/today"),
    ("GET", "/today/new"),
    ("POST", "/today/new"),
    ("POST", "/today/new/look-up"),
    ("POST", "/today/new/known"),
    ("POST", "/today/new/show"),
    ("POST", "/today/new/texts"),
    ("GET", "/import"),
    ("GET", "/import/template.csv"),
    ("POST", "/import/check"),
    ("POST", "/import/enrol"),
    ("POST", "/import/left-out.csv"),
    ("GET", "/search"),
    ("POST", "/search"),
    ("GET", "/patients/{patient_id}"),
    ("POST", "/patients/{patient_id}/stop"),
    ("POST", "/patients/{patient_id}/resume"),
    ("GET", "/sessions/{session_id}"),
    ("POST", "/sessions/{session_id}/undo"),
    ("POST", "/sessions/{session_id}/cancel"),
    ("POST", "/sessions/{session_id}/end"),
    ("GET", "/calls"),
    ("GET", "/calls/emergency"),
    ("GET", "/calls/urgent"),
    ("GET", "/calls/routine"),
    ("GET", "/calls/mine"),
    ("GET", "/calls/unknown-senders"),
    ("GET", "/calls/shared-phones"),
    ("GET", "/calls/undelivered"),
    ("GET", "/calls/silent"),
    ("GET", "/calls/events"),
    ("GET", "/calls/{flag_id}"),
    ("POST", "/calls/{flag_id}/take"),
    ("POST", "/calls/{flag_id}/outcome"),
    ("POST", "/calls/{flag_id}/whose"),
    ("GET", "/how-are-we-doing"),
}
"""For everybody who is signed in."""

ADMINS = {
    ("GET", "/insights"),
    ("GET", "/insights/figures.csv"),
    ("GET", "/settings"),
    ("GET", "/settings/clinic"),
    ("POST", "/settings/clinic"),
    ("POST", "/settings/clinic/holidays"),
    ("POST", "/settings/clinic/holidays/federal"),
    ("POST", "/settings/clinic/holidays/remove"),
    ("GET", "/settings/api-keys"),
    ("POST", "/settings/api-keys"),
    ("POST", "/settings/api-keys/{key_id}/disable"),
    ("GET", "/settings/sending"),
    ("POST", "/settings/sending/test"),
    ("POST", "/settings/sending/resume"),
    ("GET", "/settings/on-call"),
    ("POST", "/settings/on-call/{person_id}"),
    ("POST", "/settings/on-call/{person_id}/test"),
    ("GET", "/waiting"),
    ("POST", "/waiting/{flag_id}/find"),
    ("POST", "/waiting/{flag_id}/named"),
    ("POST", "/waiting/{flag_id}/number"),
}
"""For admins alone."""

ALL = BEFORE_SIGNING_IN | SIGNED_IN | ADMINS

STAFF_PAGES = {path for _, path in ALL}
