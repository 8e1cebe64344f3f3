"""One connection with NATS. When it is lost it is over: whoever has it makes another, and builds everything anew.

The library could reconnect by itself, but then it keeps what was published meanwhile, and takes 14 s until its
consumers notice that the server was away. Only what it does with one connection is used; JetStream is asked in its own
JSON (https://docs.nats.io/reference/reference-protocols/nats_api_reference).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from landline.chat.cluster import Cluster
from landline.errors import ChatError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

DIAL_SECONDS = 2.0
"""How long one server may take to answer."""
START_SECONDS = 5.0
"""How long all of them may."""
ASK_SECONDS = 2.0
"""How long JetStream may take to answer."""
CLOSE_SECONDS = 1.0
FAILED_CLOSE_SECONDS = 0.1
PING_SECONDS = 2
AGAIN_SECONDS = 1.5
UNAVAILABLE = 503
"""JetStream has no leader for now, or nobody answers: to be tried again."""
LEAST_VERSION = (2, 11)

Result = TypeVar("Result")
Take = Callable[["Msg"], Awaitable[None]]


class LinkLost(Exception):
    """The connection is over."""


class Refused(Exception):
    """JetStream has said no: `code` as in HTTP, `number` is its own."""

    def __init__(self, code: int, number: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.number = number


class NoAnswer(Exception):
    """No answer came in time; what was asked for may have happened."""


class Link:
    """A connection. `lost` is set when it is over, and `why` says why."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.why = "the connection was closed"
        self.client: Client = _client_class()()
        self._over = asyncio.Event()

    @property
    def most_payload_bytes(self) -> int:
        """The largest message that the server takes."""
        return self.client.max_payload

    async def dial(self, cluster: Cluster, name: str) -> None:
        """Connect with one of the servers. Raises ChatError."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.client.connect(
                    cluster.urls,
                    name=name,
                    allow_reconnect=False,
                    connect_timeout=DIAL_SECONDS,  # type: ignore[arg-type]
                    # Each server is tried, and the one that has failed once more; 0 would be for ever.
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=1,
                    no_echo=True,
                    error_cb=self._note,
                    closed_cb=self._closed,
                    **_credentials(cluster),
                )
        except Exception as error:
            problem = _why_not(cluster, error, self.why)
            # Behind a TLS handshake that failed the library waits for an end that never comes.
            await self.close(FAILED_CLOSE_SECONDS)
            raise ChatError(problem) from None
        except BaseException:
            await self.close()
            raise

    def lose(self, why: str) -> None:
        """Give the connection up."""
        if not self.lost.is_set():
            self.why = why
            self.lost.set()

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Close within `seconds`, even if the other side is deaf."""
        self.lose("the connection was closed")
        try:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(seconds):
                    await self.client.close()
                    await self._over.wait()
        finally:
            self.abort()
            await end_tasks(_tasks_of(self.client))

    def abort(self) -> None:
        """Cut the connection."""
        self.lose("the connection was cut")
        transport = getattr(self.client, "_transport", None)
        for writer in (getattr(transport, "_io_writer", None), getattr(transport, "_bare_io_writer", None)):
            if writer is not None:
                writer.transport.abort()

    async def subscribe(self, subject: str, take: Take) -> Subscription:
        """Take every message of a subject, one after the other, until unsubscribed. Raises LinkLost."""
        subscription: Subscription = await self._guarded(self.client.subscribe(subject, cb=take))
        return subscription

    async def send(self, subject: str, payload: bytes, reply: str = "", headers: dict[str, str] | None = None) -> None:
        """Publish, without knowing whether anybody hears it. Raises LinkLost."""
        await self._guarded(self.client.publish(subject, payload, reply=reply, headers=headers))

    async def flush(self) -> None:
        """Wait until the server has taken what was sent. Raises LinkLost."""
        await self._guarded(self.client.flush(timeout=2))

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask JetStream. Raises Refused, NoAnswer or LinkLost."""
        from nats.errors import NoRespondersError

        try:
            answer = await self._guarded(self.client.request(subject, payload, timeout=ASK_SECONDS, headers=headers))
        except NoRespondersError:
            raise Refused(UNAVAILABLE, 0, "JetStream does not answer") from None
        try:
            found: dict[str, Any] = msgspec.json.decode(answer.data, type=dict[str, Any])
        except msgspec.DecodeError:
            raise NoAnswer("an answer that is none") from None
        error = found.get("error")
        if isinstance(error, dict):
            raise Refused(int(error.get("code", 0)), int(error.get("err_code", 0)), str(error.get("description", "")))
        return found

    async def manage(self, what: str, document: object = None) -> dict[str, Any]:
        """Ask JetStream's management: `what` as in STREAM.INFO.NAME. Raises Refused, NoAnswer or LinkLost."""
        return await self.ask(f"$JS.API.{what}", b"" if document is None else msgspec.json.encode(document))

    async def unless_lost(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something, and stop as soon as the link is lost: nobody answers then. Raises LinkLost."""
        task, lost = asyncio.ensure_future(work), asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({task, lost}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise LinkLost(self.why)
        finally:
            await end_tasks([task, lost])

    async def _guarded(self, call: Awaitable[Any]) -> Any:
        """Wait for the library, with its errors told apart."""
        from nats import errors

        try:
            answer = await call
            # `asyncio.wait_for`, which the library uses, loses a cancellation if the answer is there (Python 3.11).
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError
            return answer
        except errors.NoRespondersError:
            raise
        except errors.MaxPayloadError:
            raise Refused(413, 0, "the message is larger than the server takes") from None
        except TimeoutError:  # An OSError too, so it comes first.
            raise NoAnswer("no answer in time") from None
        except (errors.ConnectionClosedError, errors.ConnectionDrainingError, errors.OutboundBufferLimitError, OSError):
            self.lose(self.why)
            raise LinkLost(self.why) from None

    async def _note(self, error: Exception) -> None:
        """The library tells of trouble: that of a lost connection is the reason, other is found by its consequences."""
        from nats import errors

        if isinstance(error, (OSError, errors.UnexpectedEOF, errors.StaleConnectionError, errors.ProtocolError)):
            self.why = _in_words(error)
            if self.client.is_connected:
                self.lose(self.why)
        elif not self.client.is_connected:
            self.why = _in_words(error)

    async def _closed(self) -> None:
        self.lose(self.why)
        self._over.set()


def _client_class() -> type[Client]:
    """The library's client, which with tls:// does not speak to a server without TLS."""
    try:
        from nats import errors
        from nats.aio.client import Client
    except ImportError:
        raise ChatError("several nodes need the library nats-py: pip install 'landline[cluster]'") from None

    class CarefulClient(Client):
        async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
            # Before CONNECT, which carries the password. The library itself would go on in plain text.
            server = self._current_server
            if (
                initial_connection
                and server is not None
                and server.uri.scheme == "tls"
                and not info.get("tls_required")
            ):
                raise errors.Error("the server does not speak TLS")
            await super()._process_info({**info, "connect_urls": None}, initial_connection)

    return CarefulClient


def _tasks_of(client: Client) -> list[asyncio.Task[Any]]:
    """What the library leaves behind if its end was cut short."""
    names = ("_reading_task", "_ping_interval_task", "_flusher_task", "_reconnection_task")
    found = [getattr(client, name, None) for name in names]
    found += [getattr(one, "_wait_for_msgs_task", None) for one in getattr(client, "_subs", {}).values()]
    return [task for task in found if isinstance(task, asyncio.Task) and not task.done()]


def _credentials(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if cluster.is_tls or cluster.ca:
        try:
            found["tls"] = ssl.create_default_context(cafile=cluster.ca or None)
        except OSError as error:
            raise ChatError(f"the certificates in {cluster.ca!r} cannot be read: {error.strerror or error}") from None
    if cluster.password:
        found |= {"user": cluster.user, "password": cluster.password}
    elif cluster.user:
        found |= {"token": cluster.user}
    return found


def _why_not(cluster: Cluster, error: Exception, noted: str) -> str:
    """Why no connection came about, in a sentence."""
    if isinstance(error, ChatError):
        return str(error)
    reason = noted if type(error).__name__ == "NoServersError" else _in_words(error)
    if "authorization" in reason.lower():
        return f"{cluster} refuses us: check the user and the password in its address"
    return f"no connection with {cluster}: {reason}"


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); name the certificate to trust with ?ca=FILE"
    if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
        return "it does not answer"
    if isinstance(error, OSError):
        number = error.errno or 0
        return os.strerror(number) if number > 0 else error.strerror or str(error) or "it is gone"
    text = str(error).removeprefix("nats: ").strip("'") or type(error).__name__
    return text


def version_of(link: Link) -> tuple[int, int]:
    """The server's version, as far as it counts."""
    version = link.client.connected_server_version
    return int(version.major), int(version.minor)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are over; their errors are nobody's any more.

    Whoever is cancelled meanwhile waits all the same, so that nothing is left behind. A cancellation may be lost in a
    library, so it is repeated, after longer than any end of ours takes.
    """
    left, is_cancelled = set(tasks), False
    while left:
        for task in left:
            task.cancel()
        try:
            done, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
        except asyncio.CancelledError:
            is_cancelled = True
            continue
        for task in done:
            if not task.cancelled():
                task.exception()
    if is_cancelled:
        raise asyncio.CancelledError
