"""What every page for staff stands on: who is signed in, forms that prove their origin, one look.

A page's routes are made by `staff_routes`, so that none can forget to ask who is there.
"""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from service.domain.values import Role
from service.pathway.guessing import Visitor
from service.pathway.signing_in import ClinicToChoose, SignedInStaff, who_is
from service.web.cookies import Cookies
from service.web.deps import Db, WallNow, get_parts
from service.web.headers import POLICY_WITH_SCRIPTS
from service.web.pages.drawing import templates
from service.web.pages.forms import LARGEST_BODY

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_HEADER = "X-Form-Token"
"""Where a script sends the form's token, when it sends no form."""


class NotSignedIn(Exception):
    """Nobody is signed in, or not any more."""


class ClinicNotChosen(Exception):
    """Someone is signed in, and must say in which of their clinics they work now."""


class NotYourRole(Exception):
    """Someone is signed in whose role does not open this page."""


class ForeignForm(Exception):
    """The form does not come from a page that was drawn for this browser."""


def cookies_of(request: Request) -> Cookies:
    """Return the request's cookies."""
    return Cookies(request, get_parts(request).public_url)


def visitor_of(request: Request) -> Visitor:
    """Return where a try to sign in comes from."""
    return Visitor(
        address=request.client.host if request.client else "unknown",
        device=cookies_of(request).device,
    )


async def own_form(request: Request) -> None:
    """Refuse whatever would change something and does not come from our own page.

    The browser says where it came from: `Sec-Fetch-Site` in all of today's, `Origin` before. The
    token in the form counts besides: it hangs on a cookie that other sites cannot read.
    """
    if request.method in _SAFE:
        return
    if not _comes_from_us(request):
        raise ForeignForm
    given = request.headers.get(FORM_HEADER)
    if given is None:
        form = await request.form()
        field = form.get("form_token")
        given = field if isinstance(field, str) else ""
    if not cookies_of(request).proves(given):
        raise ForeignForm


def get_somebody(request: Request, db: Db, now: WallNow) -> SignedInStaff | ClinicToChoose:
    """Return who is looking, in whatever clinic or in none yet; raises `NotSignedIn`."""
    token = cookies_of(request).sign_in
    found = who_is(db, token, now) if token else None
    if found is None:
        raise NotSignedIn
    return found


Somebody = Annotated[SignedInStaff | ClinicToChoose, Depends(get_somebody, scope="function")]


def get_signed_in(found: Somebody) -> SignedInStaff:
    """Return who is looking; raises `NotSignedIn` or `ClinicNotChosen`."""
    if isinstance(found, ClinicToChoose):
        raise ClinicNotChosen
    return found


SignedIn = Annotated[SignedInStaff, Depends(get_signed_in, scope="function")]


def get_admin(staff: SignedIn) -> SignedInStaff:
    """Return who is looking, if they are an admin of the clinic; raises `NotYourRole`."""
    if staff.role is not Role.ADMIN:
        raise NotYourRole
    return staff


Admin = Annotated[SignedInStaff, Depends(get_admin, scope="function")]


def staff_routes(
    prefix: str = "", *, admins_only: bool = False, largest_body: int = LARGEST_BODY
) -> APIRouter:
    """Return where a page's routes are put: signed in, in role, and from our own forms only."""
    who = get_admin if admins_only else get_signed_in
    return APIRouter(
        prefix=prefix,
        include_in_schema=False,
        max_body_size=largest_body,
        dependencies=[Depends(own_form), Depends(who, scope="function")],
    )


def open_routes(prefix: str = "") -> APIRouter:
    """Return where the routes are put that somebody needs who is not signed in yet."""
    return APIRouter(
        prefix=prefix,
        include_in_schema=False,
        max_body_size=LARGEST_BODY,
        dependencies=[Depends(own_form)],
    )


def form_field(request: Request) -> str:
    """Return the value of the hidden field `form_token` that every form must send."""
    return cookies_of(request).form_token()


def draw_staff(
    request: Request,
    name: str,
    staff: SignedInStaff | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return the page `templates/staff/<name>.html`; `staff` is who looks at it.

    Every template knows `staff`, `form_token` and `here`, the path that is looked at.
    """
    page = templates().get_template(f"staff/{name}.html")
    given = {
        "staff": staff,
        "form_token": form_field(request),
        "here": request.url.path,
        "status": status,
    }
    response = HTMLResponse(page.render(**(given | values)), status)
    response.headers["Content-Security-Policy"] = POLICY_WITH_SCRIPTS
    cookies_of(request).keep_form(response)
    return response


def go(path: str) -> Response:
    """Return the answer to a form that was taken: look there now."""
    return RedirectResponse(path, status_code=303)


def to_sign_in(request: Request) -> Response:
    """Return the way to sign in, and back to the page that was asked for."""
    asked = request.url.path
    if request.url.query:
        asked += f"?{request.url.query}"
    again = f"?next={quote(asked)}" if request.method == "GET" and asked != "/" else ""
    return _elsewhere(request, f"/sign-in{again}")


def to_clinics(request: Request) -> Response:
    """Return the way to choose a clinic."""
    return _elsewhere(request, "/clinics")


def own_path(path: str) -> str:
    """Return a path of this site, whatever was asked for: no link leads elsewhere from here."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc
    return path if ours and "\n" not in path and "\r" not in path else "/"


def _elsewhere(request: Request, path: str) -> Response:
    if request.headers.get("HX-Request"):
        # A part of a page cannot become another page: the browser must go there.
        return Response(status_code=200, headers={"HX-Redirect": path})
    return go(path)


def _comes_from_us(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Our own pages tell nobody where a request comes from: `null` may be one of them.
    return origin in (None, "null", get_parts(request).public_url)
