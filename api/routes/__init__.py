"""One router a resource; `app` mounts them all under the version's prefix."""

from api.routes import alerts, events, feed, intake, registry, registry_edit, rules, session, watch

# The feed stands before the alerts: its path would be an alert's otherwise.
ROUTERS = (
    session.router,
    feed.router,
    alerts.router,
    events.router,
    registry.router,
    registry.one_router,
    registry_edit.new_router,
    registry_edit.router,
    intake.router,
    rules.router,
    watch.router,
)
