"""The cookies of staff: who is signed in, which browser is known, and what forms prove."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fastapi import Request, Response

_SIGN_IN = "sign-in"
_DEVICE = "device"
_FORM = "form"
_A_YEAR = 365 * 24 * 3600


class Cookies:
    """Reads and sets the cookies of one request.

    Under https they are `__Host-` cookies: secure, and of this host alone. Under plain http, which
    only the sandbox takes, no browser would keep those, so they go without the prefix.
    """

    def __init__(self, request: Request, public_url: str) -> None:
        self._request = request
        self._secure = public_url.startswith("https://")

    @property
    def sign_in(self) -> str | None:
        """The token of who is signed in."""
        return self._get(_SIGN_IN)

    @property
    def device(self) -> str | None:
        """The mark of a browser in which somebody signed in before."""
        return self._get(_DEVICE)

    def keep_sign_in(self, response: Response, token: str) -> None:
        """Hand out the token; it goes when the browser is closed, if not sooner."""
        self._set(response, _SIGN_IN, token)

    def keep_device(self, response: Response, mark: str) -> None:
        """Mark the browser as known for a year."""
        self._set(response, _DEVICE, mark, max_age=_A_YEAR)

    def drop_sign_in(self, response: Response) -> None:
        """Take the token back."""
        self._set(response, _SIGN_IN, "", max_age=0)

    def form_token(self) -> str:
        """Return what a form of this browser must send back, which no other site can know.

        It hangs on the sign-in; who is not signed in has a cookie for it, which
        `keep_form` sets with the page.
        """
        kept = self.sign_in or self._get(_FORM)
        if kept is None:
            kept = getattr(self._request.state, "form", None) or secrets.token_urlsafe(24)
            self._request.state.form = kept
        return _proof(kept)

    def keep_form(self, response: Response) -> None:
        """Set the cookie that a form of this page hangs on, if it is new."""
        made: str | None = getattr(self._request.state, "form", None)
        if made is not None:
            self._set(response, _FORM, made)

    def proves(self, token: str) -> bool:
        """Was this form drawn for this browser?"""
        kept = self.sign_in or self._get(_FORM)
        return kept is not None and hmac.compare_digest(_proof(kept).encode(), token.encode())

    def _name(self, name: str) -> str:
        return f"__Host-{name}" if self._secure else f"aftercare-{name}"

    def _get(self, name: str) -> str | None:
        return self._request.cookies.get(self._name(name)) or None

    def _set(
        self, response: Response, name: str, value: str, *, max_age: int | None = None
    ) -> None:
        response.set_cookie(
            self._name(name),
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            # A link in an email to staff must find them signed in.
            samesite="lax",
        )


def _proof(kept: str) -> str:
    return hashlib.sha256(f"form\x00{kept}".encode()).hexdigest()
