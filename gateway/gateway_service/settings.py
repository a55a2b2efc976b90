"""What the gateway needs to know. The field `redis_url` is the variable `REDIS_URL`, and so on."""

from chassis.settings import OnOff, Port, Positive, Seconds, ServiceSettings, Url


class Settings(ServiceSettings, frozen=True, kw_only=True):
    """The gateway's settings; times are in seconds."""

    service_name: str = "gateway"
    port: Port = 8000
    ops_port: Port = 8001  # always its own: the public port shows neither metrics nor readiness

    redis_url: Url
    auth_url: Url
    profile_url: Url
    chat_urls: tuple[Url, ...] = ()  # a fixed list of pods,
    chat_service: str = ""  # or `host:port`, whose addresses are the pods
    pods_refresh_seconds: Seconds = 3.0

    web_dir: str = ""  # a folder with the built web client, for `/`; empty for none

    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-* are believed
    allowed_origins: tuple[str, ...] = ()  # other sites' pages: `https://host[:port]`, or `*`; our own always may

    rate_limits: OnOff = "on"
    rate_user_per_minute: Positive = 300
    rate_address_per_minute: Positive = 60  # without a token
    rate_login_per_minute: Positive = 20  # per address
    rate_pages_per_minute: Positive = 300  # per address: pages and descriptions
    rate_polling_per_minute: Positive = 12_000  # per address: requests of open Socket.IO sessions
    rate_sockets_per_second: Positive = 10  # new sockets per user
    rate_sockets_burst: Positive = 20
    rate_address_sockets_per_second: Positive = 20  # new sockets per address, for those whose user shows later
    rate_address_sockets_burst: Positive = 100

    connect_seconds: Seconds = 1.0
    response_seconds: Seconds = 30.0  # until the head of an answer; Socket.IO's long-polling needs more than 25
    idle_seconds: Seconds = 30.0  # between two pieces of a body, in either direction
    handshake_seconds: Seconds = 5.0  # for a pod's answer to an upgrade
    pooled_seconds: Seconds = 30.0  # an idle connection older than this is not used again; services keep theirs for 75
    pooled_connections: Positive = 64  # idle ones kept per pod
    max_connections: Positive = 512  # per pod; a request that finds them all busy is answered 503
    max_polls: Positive = 5000  # per chat pod, beside those: long-polling requests, most of which wait
