"""What plugins add routes to, and the ASGI application that comes of it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sensorium.errors import DuplicateName, PluginError

if TYPE_CHECKING:
    import asyncio

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from sensorium.session.session import Session

    Handler = Callable[[Request], Awaitable[Response]]

log = logging.getLogger("sensorium.web")

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


class WebApp:
    """The HTTP side of one session: ``app`` in the hook ``sensorium_register_routes(app)``."""

    def __init__(self, session: Session, closing: asyncio.Event) -> None:
        self.session = session
        """The running session."""
        self.closing = closing
        """Set when the server ends: a handler that streams has to stop then."""
        self._routes: dict[tuple[str, str], tuple[str, Handler]] = {}  # by path and method
        self._plugin = ""

    def add_route(self, path: str, handler: Handler, methods: Sequence[str] = ("GET",)) -> None:
        """Answer requests for ``path`` by ``await handler(request)``, as Starlette does.

        ``path`` may have parameters (``/lamps/{name}``: ``request.path_params["name"]``). What
        the handler raises is logged with the plugin's name and answered with status 500.
        Everything in front of it, the token above all, is checked before it is called. Raises
        :class:`DuplicateName` when the path is taken, :class:`PluginError` for what is no route.
        """
        if not path.startswith("/"):
            raise PluginError(self._plugin, f"route {path!r}: a path begins with a slash")
        if not inspect.iscoroutinefunction(handler):
            raise PluginError(self._plugin, f"route {path!r}: its handler is no async function")
        for method in methods:
            if method not in METHODS:
                known = ", ".join(sorted(METHODS))
                raise PluginError(self._plugin, f"route {path!r}: no method {method!r}: {known}")
            held = self._routes.get((path, method))
            if held is not None:
                raise DuplicateName(self._plugin, f"route {method} {path} is {held[0]!r}'s")
        for method in methods:
            self._routes[path, method] = (self._plugin, handler)

    @contextmanager
    def on_behalf_of(self, plugin: str) -> Iterator[None]:
        """Routes that are added meanwhile are ``plugin``'s; none of them stay if it fails."""
        before, self._plugin = dict(self._routes), plugin
        try:
            yield
        except BaseException:
            self._routes = before
            raise
        finally:
            self._plugin = ""

    @property
    def routes(self) -> dict[str, str]:
        """Plugins by ``"METHOD /path"``."""
        return {f"{method} {path}": held[0] for (path, method), held in self._routes.items()}

    def application(self) -> Starlette:
        """All routes as one ASGI application."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        return Starlette(
            routes=[
                Route(path, partial(_guarded, plugin, handler), methods=[method])
                for (path, method), (plugin, handler) in self._routes.items()
            ]
        )


async def _guarded(plugin: str, handler: Handler, request: Request) -> Response:
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    try:
        return await handler(request)
    except HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 - a plugin's handler may raise anything
        said = f"{type(error).__name__}: {error}"
        log.error("plugin %r: %s %s: %s", plugin, request.method, request.url.path, said)
        return JSONResponse({"error": said, "plugin": plugin}, 500)
