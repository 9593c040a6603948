"""The pages for people. They hold no data: their modules read it over the API, with the reader's own rights."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.auth import COOKIE
from api.inputs import Code
from api.problems import not_found
from api.texts import LANGUAGES, Language, load_texts
from devices.models import SiteKind

Theme = Literal["auto", "light", "dark"]
Screen = Literal["desk", "wall"]
Sign = Literal["calm", "p1", "p2", "stalled"]

LANGUAGE_COOKIE = "shouwang_language"
THEME_COOKIE = "shouwang_theme"
SCREEN_COOKIE = "shouwang_screen"
DEFAULT_LANGUAGE: Language = "zh"
YEAR = 31_536_000
HIGHEST_COUNT = 10  # an icon shows 1 to 9, then 9+

_HERE = FilePath(__file__).parent
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Statics:
    """The static files in memory, under a version made from their content: what is cached can never be stale."""

    version: str
    files: Mapping[str, bytes]


def read_statics(folder: FilePath) -> Statics:
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _MEDIA_TYPES}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return Statics(version=digest.hexdigest()[:16], files=MappingProxyType(files))


router = APIRouter(include_in_schema=False)
_texts = load_texts()
_outcomes = [key.removeprefix("outcome.") for key in _texts[DEFAULT_LANGUAGE].entries if key.startswith("outcome.")]
_statics = read_statics(_HERE / "static")
_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,  # texts and static files are read once too: a page is of one version
    trim_blocks=True,
    lstrip_blocks=True,
)


@router.get("/")
async def start() -> Response:
    return RedirectResponse("/desk", status_code=303)


@router.get("/desk")
async def queue_page(request: Request) -> Response:
    return _for_signed_in(request, "queue.html")


@router.get("/desk/alerts/{alert}")
async def alert_page(request: Request, alert: int) -> Response:
    return _for_signed_in(request, "alert.html", alert=alert, outcomes=_outcomes)


@router.get("/desk/sites")
async def sites_page(request: Request) -> Response:
    return _for_signed_in(request, "sites.html", kinds=get_args(SiteKind))


@router.get("/desk/sites/{site}")
async def site_page(request: Request, site: Code) -> Response:
    return _for_signed_in(request, "site.html", site=site)


@router.get("/signin")
async def signin_page(request: Request, link: Annotated[str, Query(max_length=256)] = "") -> Response:
    """Show a button: only pressing it spends a one-time link, so that programs that look at links spend nothing."""
    return _page(request, "signin.html", link=link)


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    content = _statics.files.get(name)
    if content is None or version != _statics.version:
        not_found("file")
    headers = {"cache-control": f"public, max-age={YEAR}, immutable"}
    return Response(content, media_type=_MEDIA_TYPES[FilePath(name).suffix], headers=headers)


@router.get("/icon/{sign}-{count}.svg")
async def icon(sign: Sign, count: Annotated[int, Path(ge=0, le=HIGHEST_COUNT)]) -> Response:
    """The page's icon: the most urgent thing that waits, and how many of them."""
    drawn = _templates.get_template("icon.svg").render(sign=sign, count=count, highest=HIGHEST_COUNT)
    return Response(drawn, media_type="image/svg+xml", headers={"cache-control": f"public, max-age={YEAR}"})


def _for_signed_in(request: Request, template: str, **values: object) -> Response:
    """Send those without a session to sign in; whether one still holds is for the API to say, which the page asks."""
    if COOKIE not in request.cookies:
        return RedirectResponse(f"/signin?next={request.url.path}", status_code=303)
    return _page(request, template, **values)


def _page(request: Request, template: str, **values: object) -> HTMLResponse:
    language = _language(request)
    texts, theme, screen = _texts[language], _theme(request), _screen(request)
    classes = [f"theme-{theme}"] * (theme != "auto") + ["wall"] * (screen == "wall")
    html = _templates.get_template(template).render(
        t=texts,
        texts=dict(texts.entries),
        language=language,
        theme=theme,
        screen=screen,
        classes=" ".join(classes),
        here=f"/static/{_statics.version}",
        in_other_language=str(request.url.include_query_params(lang=_other(language)).replace(scheme="", netloc="")),
        **values,
    )
    response = HTMLResponse(html)
    if request.query_params.get("lang") == language:
        secure = request.url.scheme == "https"
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR, samesite="lax", httponly=True, secure=secure)
    return response


def _language(request: Request) -> Language:
    asked = request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)
    return next((language for wish in asked for language in LANGUAGES if language == wish), DEFAULT_LANGUAGE)


def _other(language: Language) -> Language:
    return next(other for other in LANGUAGES if other != language)


def _theme(request: Request) -> Theme:
    wish = request.cookies.get(THEME_COOKIE)
    themes: tuple[Theme, ...] = get_args(Theme)
    return next((theme for theme in themes if theme == wish), "auto")


def _screen(request: Request) -> Screen:
    return "wall" if request.cookies.get(SCREEN_COOKIE) == "wall" else "desk"
