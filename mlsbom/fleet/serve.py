"""The responders' page: read-only, loopback by default, a token for anything else. Starlette serves it, the store answers."""

from __future__ import annotations

import csv
import hmac
import io
import ipaddress
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mlsbom.errors import MlsbomError, UsageError
from mlsbom.knowledge import shared
from mlsbom.store.database import Database
from mlsbom.store.query import Question, ask

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

TEMPLATE: Final = Path(__file__).resolve().parent / "serve.html.j2"
KINDS: Final[dict[str, str]] = {
    "package": "litellm==1.82.7, torch<2.6, npm:keyv",
    "wave": "the name of a wave of poisoned releases",
    "sha256": "the digest of a file",
    "model": "org/name, anywhere in the chain",
    "lineage": "a reference model whose weights were found",
    "license": "apache-2.0, or part of a name",
    "clause": "noncommercial, or another clause",
    "endpoint": "a host that is called",
    "supplier": "who supplies a model, data set or service",
    "signature": "unsigned, verified, invalid, unverifiable",
}
"""What a responder may ask by, with an example. A feed or a fingerprint is a file of the server, so it is not asked for here."""
MOST: Final = 2000
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
COOKIE: Final = "mlsbom_token"


def loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def application(url: str, token: str | None = None, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Starlette:
    """The application. Without a token only requests for one of `hosts` are answered: no page elsewhere can reach a loopback server by a
    name of its own."""
    try:
        from jinja2 import Environment, StrictUndefined
        from starlette.applications import Starlette
        from starlette.middleware import Middleware
        from starlette.middleware.base import BaseHTTPMiddleware
        from starlette.middleware.trustedhost import TrustedHostMiddleware
        from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse
        from starlette.routing import Route
    except ImportError as e:
        raise UsageError("the responders' page needs starlette and uvicorn", remedy="pip install 'mlsbom[serve]'") from e
    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text("utf-8")
    )

    async def secure(request: Request, go: Any) -> Response:
        if token is not None:
            given = request.headers.get("authorization", "").removeprefix("Bearer ") or request.cookies.get(COOKIE, "")
            once = request.query_params.get("token", "")
            if once and hmac.compare_digest(once.encode(), token.encode()):
                plain = request.url.remove_query_params("token")
                answer: Response = RedirectResponse(plain.path + (f"?{plain.query}" if plain.query else ""), 303)
                answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
                answer.headers.update(HEADERS)
                return answer
            if not hmac.compare_digest(given.encode(), token.encode()):
                return PlainTextResponse("a token is needed", 401, {**HEADERS, "WWW-Authenticate": "Bearer"})
        try:
            response: Response = await go(request)
        except MlsbomError as e:
            response = PlainTextResponse(str(e), 503)
        response.headers.update(HEADERS)
        return response

    def question(request: Request) -> tuple[str, str]:
        kind = request.query_params.get("by", "package")
        return (kind if kind in KINDS else "package"), request.query_params.get("q", "").strip()[:300]

    def answered(kind: str, value: str) -> dict[str, Any]:
        db = Database(url, readonly=True)
        try:
            return ask(db, Question(**{kind: value}), shared())
        finally:
            db.close()

    def page(request: Request) -> Response:
        kind, value = question(request)
        db = Database(url, readonly=True)
        try:
            totals = db.one("SELECT COUNT(*), MIN(created), MAX(created), SUM(incomplete) FROM target") or (0, None, None, 0)
        finally:
            db.close()
        answer, error = None, ""
        if value:
            try:
                answer = answered(kind, value)
            except MlsbomError as e:
                error = f"{e}" + (f"; {e.remedy}" if e.remedy else "")
        hits = (answer or {}).get("hits", [])
        body = template.render(
            kinds=KINDS,
            kind=kind,
            value=value,
            answer=answer,
            error=error,
            hits=hits[:MOST],
            more=max(0, len(hits) - MOST),
            targets=len({h["target"] for h in hits}),
            counts=Counter(h["verdict"] for h in hits),
            totals=totals,
            packs=shared().date,
        )
        return HTMLResponse(body, 400 if error else 200)

    def data(request: Request) -> Response:
        kind, value = question(request)
        if not value:
            return JSONResponse({"error": "q is missing"}, 400)
        try:
            return JSONResponse(answered(kind, value))
        except MlsbomError as e:
            return JSONResponse({"error": str(e), "remedy": e.remedy}, 400)

    def table(request: Request) -> Response:
        from mlsbom.export.csv import cell

        kind, value = question(request)
        try:
            hits = answered(kind, value)["hits"] if value else []
        except MlsbomError as e:
            return PlainTextResponse(str(e), 400)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        columns = ("verdict", "target", "component", "version", "specifier", "path", "line", "via", "since")
        writer.writerow(columns)
        writer.writerows([[cell(h.get(c)) for c in columns] for h in hits])
        return PlainTextResponse(
            out.getvalue(), media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="mlsbom.csv"'}
        )

    middleware = [Middleware(BaseHTTPMiddleware, dispatch=secure)]
    if token is None:
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)))
    return Starlette(routes=[Route("/", page), Route("/api/query", data), Route("/query.csv", table)], middleware=middleware)


def serve(url: str, host: str, port: int, token: str | None) -> None:
    """Serve until interrupted. UsageError where an address beyond loopback is asked for without a token."""
    if not loopback(host) and not token:
        raise UsageError(f"--host {host} is not loopback: a token is needed", remedy="set MLSBOM_TOKEN, and put TLS in front")
    Database(url, readonly=True).close()
    app = application(url, token)
    try:
        import uvicorn
    except ImportError as e:
        raise UsageError("the responders' page needs uvicorn", remedy="pip install 'mlsbom[serve]'") from e
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
