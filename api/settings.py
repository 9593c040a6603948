from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiSettings:
    """What the API is told at start.

    `broker_managed`: the broker is the embedded one, so that new credentials can be waited for.
    `proxies`: addresses of reverse proxies whose X-Forwarded-For is believed; none by default.
    `watch_secret`: by what the watch is known; without one nobody is.
    `watched`: a watch is known to belong to this installation, so that its absence is a fault from the start.
    """

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8420
    base_url: str = "http://127.0.0.1:8420"
    cookie_secure: bool = False
    broker_managed: bool = True
    proxies: tuple[str, ...] = ()
    watch_secret: str | None = field(default=None, repr=False)
    watched: bool = False
    pool_size: int = 8
