"""One router a resource; `app` mounts them all under the version's prefix."""

from api.routes import events, session, watch

ROUTERS = (session.router, watch.router, events.router)
