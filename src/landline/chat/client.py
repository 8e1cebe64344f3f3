"""A client of a chat: it comes back by itself, fills what it missed, and says each message once."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Self

import msgspec

from landline.address import Address
from landline.chat.changequeue import ChangeQueue
from landline.chat.changes import (
    CaughtUp,
    Change,
    Connected,
    Connecting,
    Ended,
    Lost,
    MessageAdded,
    PendingChanged,
    Skipped,
    Told,
)
from landline.chat.link import Link, chat_address
from landline.chat.notices import UNSURE, Account, Ack, Answer, Bye, Message, Notice, Page, Refused, Welcome
from landline.chat.view import Pending, View
from landline.chat.wire import Hello, Login, Quit, Request
from landline.connection.backoff import Backoff
from landline.connection.course import Course
from landline.connection.events import Waiting
from landline.connection.reconnect_policy import Reconnect, check_reconnect
from landline.errors import ChatError, ConnectionClosed, QueueFull, Reason, RequestRefused, WaitTimeout
from landline.transport.tls import ClientTls

log = logging.getLogger("landline.chat")

ASK_SECONDS = 30.0
"""How long an answer is waited for where nothing else is said."""
UNSURE_SECONDS = 1.0
"""When a message is said again that may be stored or not."""
GOODBYE_SECONDS = 2.0
MOST_UNSAID = 1000
"""Own messages that may wait to be stored."""
FINAL = frozenset({"quit", "refused", "replaced", "kicked_out"})
"""Codes of Bye after which a client does not come back."""
COMES_BACK = Reconnect(Backoff(most_seconds=8.0), first_must_connect=True)
"""The default: an address where nobody answers is a mistake at first, and passes later."""
STAYS_AWAY = Reconnect(Backoff(max_attempts=1), first_must_connect=True)


class ChatClient:
    """One person or bot in a chat, over connections that come and go.

    `address` is where the chat is; `nick` how one wants to be called (None: a guest by any name); `token` brings an
    identity back, or is that of a bot; `password` logs in as the owner of `nick`. `tls` is as for `landline.connect`.
    `rooms` are entered, and entered again after each loss; the first time `tail` recent messages come along (0 to 200).
    `on_token(token)` is told the token to keep, whenever it changes. `reconnect` says when it comes back (None: never).
    With `token_may_be_old` a token that is worth nothing any more is left away at the first hello, and one is a guest;
    otherwise it ends the client. `view` is all that it knows.

    `async with` waits until the rooms are entered. Iterating gives each Change, those of the connection too, until the
    client is closed; where it ends for good by itself, the last one is Ended, with the error. One task iterates, be it
    here or with `messages`.
    """

    def __init__(
        self,
        address: str | Address,
        *,
        nick: str | None = None,
        token: str | None = None,
        password: str | None = None,
        tls: ClientTls | None = None,
        rooms: Sequence[str] = ("lobby",),
        tail: int = 50,
        on_token: Callable[[str], object] | None = None,
        reconnect: Reconnect | None = COMES_BACK,
        token_may_be_old: bool = False,
    ) -> None:
        self.address = chat_address(address)
        if reconnect is not None:
            check_reconnect(reconnect)
        self.view = View(rooms, tail)
        self.error: Exception | None = None
        """Why it is over; None while it is not, or if it was closed."""
        self._nick = nick
        self._token = token
        self._password = password
        self._tls = tls
        self._token_may_be_old = token_may_be_old
        self._on_token = on_token
        self._policy = reconnect or STAYS_AWAY
        self._changes = ChangeQueue()
        self._keeper: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._said: dict[str, asyncio.Future[Ack]] = {}
        self._refs = 0
        self._ready = False
        self._was_connected = False
        self._closing = False
        self._over = False
        self._waiters: set[asyncio.Future[None]] = set()
        self._bye: Bye | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    # Coming and going.

    def start(self) -> None:
        """Begin to connect, without waiting. `async with` does it too. Starting twice does no harm."""
        if self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def ready(self) -> None:
        """Wait until the rooms are entered, for the first time or again. Raises what ended the client."""
        while not self._ready:
            self._check_going_on()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    async def __aenter__(self) -> Self:
        self.start()
        try:
            await self.ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Say goodbye and end. What was said and is not stored yet fails with ConnectionClosed. Twice does no harm."""
        if self._closing or self._keeper is None:
            self._finish(None)
            return
        self._closing = True
        if self._link is not None:
            with contextlib.suppress(ConnectionClosed, WaitTimeout, RequestRefused):
                await self.ask(Quit(), GOODBYE_SECONDS)
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        self._finish(None)

    # Asking and saying.

    async def ask(self, request: Request, timeout_seconds: float | None = ASK_SECONDS) -> Answer:
        """Make a request and wait for its answer, at most `timeout_seconds` (None: as long as it takes).

        Returns the answer: what comes back to each request stands in docs/wire/chat.md. The view has taken it in.
        Raises RequestRefused, WaitTimeout, or ConnectionClosed if there is no connection, or it breaks.
        """
        self._check_going_on()
        if self._link is None:
            raise ConnectionClosed(str(self.address), Reason.RESET, "there is no connection now; it is tried again")
        self._refs += 1
        ref = f"ask-{self._refs}"
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[ref] = answer
        self._link.post(msgspec.structs.replace(request, ref=ref))
        try:
            async with asyncio.timeout(timeout_seconds) as limit:
                result = await answer
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise WaitTimeout(f"waiting for an answer from {self.address}", timeout_seconds or 0.0) from error
        finally:
            self._asked.pop(ref, None)
        if isinstance(result, Refused):
            raise RequestRefused(result.code, result.text, result.wait)
        return result

    async def say(self, room: str, body: str) -> Ack:
        """Say `body` in a `room` one is in, or in a conversation. Waits until it is stored, over losses as well.

        Returns the Ack, with its place. Raises RequestRefused if the chat refuses it, QueueFull if 1000 messages wait
        already, or what ended the client. It is stored once, however often the connection breaks; if this is cancelled
        or the client closed before the answer, it may be stored or not.
        """
        self._check_going_on()
        return await self._say(self.view.say(room, body, self._new_cid()))

    async def msg(self, nick: str, body: str) -> Ack:
        """Say `body` to one person, by `nick` or id. As `say`. Returns the Ack. Raises what `say` raises."""
        self._check_going_on()
        return await self._say(self.view.msg(nick, body, self._new_cid()))

    def post(self, request: Request) -> bool:
        """Make a request without waiting for an answer. Returns False if there is no connection: then it is dropped."""
        if self._link is None:
            return False
        self._link.post(request)
        return True

    # Hearing.

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        change = await self._changes.take()
        if change is None:
            raise StopAsyncIteration
        return change

    async def messages(self) -> AsyncGenerator[Message, None]:
        """What others say, each message once and in the order of its room, until the client is closed.

        Raises what ended the client. What was said before it came is not among them; see `ask` with History.
        """
        async for change in self:
            if isinstance(change, MessageAdded) and change.is_new and change.message.sender != self.view.me.id:
                yield change.message
            elif isinstance(change, Skipped):
                log.warning("%s: %d changes were not taken in time, and dropped", self.address, change.count)
        if self.error is not None:
            raise self.error

    # Keeping a connection.

    async def _keep(self) -> None:
        error: Exception | None = None
        course = Course(self._policy.backoff, self._policy.first_must_connect)
        loop = asyncio.get_running_loop()
        draw = self._policy.draw or random.random
        try:
            while True:
                course.begin()
                self._put(Connecting(course.attempt))
                error = await self._live_once(course)
                outcome = course.fail(error, loop.time(), draw())[-1]
                if not isinstance(outcome, Waiting):
                    break
                seconds = max(outcome.seconds, self._named_wait(draw()))
                self._put(Lost(seconds, self._in_words(error)))
                log.info("%s: %s; attempt %d follows in %.2g s", self.address, error, outcome.attempt, seconds)
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            error = None
        finally:
            self._finish(error)

    def _named_wait(self, draw: float) -> float:
        """How long the server has asked us to stay away; a part of it more, so that not all come at once."""
        return self._bye.retry_seconds * (1 + draw / 2) if self._bye and self._bye.retry_seconds else 0.0

    def _in_words(self, error: Exception) -> str:
        return self._bye.text if self._bye is not None and self._bye.text else str(error)

    async def _live_once(self, course: Course) -> Exception:
        """Connect, say who we are, and talk until the connection is over. Returns what ended it."""
        self._bye = None
        try:
            link = await Link.open(self.address, self._tls, self._heard)
        except Exception as error:
            return error
        try:
            await self._greet(link)
            course.succeed(link.connection.peer, asyncio.get_running_loop().time())
            self._enter(link)
            await link.talk()
        except Exception as error:
            return self._judged(error)
        finally:
            self._let_wait()
            await link.close()

    def _judged(self, error: Exception) -> Exception:
        """What ended a connection, once the words of the server are weighed: some are final."""
        if self._bye is not None and self._bye.code in FINAL:
            return RequestRefused(self._bye.code, self._bye.text)
        return error

    async def _greet(self, link: Link) -> None:
        try:
            await link.greet(self._hello(), self._login())
        except RequestRefused as refused:
            if refused.code != "bad_token" or not self._token_may_be_old or self._was_connected:
                raise
            self._token = None
            self._put(Told("what was kept of who you are is worth nothing any more, so you are a guest now", True))
            await link.greet(self._hello(), self._login())

    def _hello(self) -> Hello:
        """Who we want to be: who we were, after a loss, as far as that is not what the token says."""
        me = self.view.me
        nick = me.nick if me.nick and not me.account and not me.nick.startswith("guest-") else self._nick
        return Hello(nick=None if self._password and not self._token else nick, token=self._token)

    def _login(self) -> Login | None:
        if self._password is None or self._nick is None:
            return None
        return Login(nick=self._nick, password=self._password)

    def _enter(self, link: Link) -> None:
        """We are known there: go back to where we were."""
        self._link = link
        self._put(Connected(self._was_connected))
        self._was_connected = True
        for request in self.view.resume_requests():
            link.post(request)
        self._take(self.view.settled())

    def _let_wait(self) -> None:
        """The connection is over: questions fail, what was said is said again later."""
        self._ready = False
        self._link = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.view.lost(asyncio.get_running_loop().time())
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ConnectionClosed(str(self.address), Reason.RESET, "the request has no answer"))
        self._asked.clear()

    def _finish(self, error: Exception | None) -> None:
        """It is over: every call gets that, now and from now on."""
        if self._over:
            return
        self._over = True
        self.error = error
        for stored in self._said.values():
            if not stored.done():
                stored.set_exception(self._end())
        self._put(Ended(error))
        self._changes.close()
        self._wake()

    def _end(self) -> Exception:
        return self.error or ConnectionClosed(str(self.address), Reason.FINISHED, "the client is closed")

    def _check_going_on(self) -> None:
        if self._over:
            raise self._end().with_traceback(None)
        if self._keeper is None:
            raise ChatError("the chat client has not begun: use it with `async with`, or call start()")

    # What comes.

    def _heard(self, notice: Notice) -> None:
        is_answer = isinstance(notice, Answer) and notice.ref in self._asked
        self._take(self.view.handle(notice, asyncio.get_running_loop().time(), is_answer=is_answer))
        if isinstance(notice, Answer):
            # Behind the changes, so that whoever shows both has them in this order.
            self._answered(notice)
        match notice:
            case Ack(cid=str(cid)):
                self._stored(cid, notice)
            case Message():
                self._seen(notice)
            case Page():
                # What was stored just before the connection broke comes back so.
                for message in notice.messages:
                    self._seen(message)
            case Refused():
                self._not_stored(notice)
            case Welcome() | Account():
                self._keep_token(notice.token)
            case Bye():
                self._bye = notice
        for request in self.view.take_requests():
            self.post(request)
        for seconds, request in self.view.take_later():
            self._call_later(seconds, partial(self.post, request))

    def _answered(self, notice: Answer) -> None:
        """Give an answer to whoever asked, if somebody did."""
        answer = self._asked.pop(notice.ref, None) if isinstance(notice.ref, str) else None
        if answer is not None and not answer.done():
            answer.set_result(notice)

    def _take(self, changes: list[Change]) -> None:
        for change in changes:
            self._put(change)
            if isinstance(change, CaughtUp):
                self._ready = True
                self._wake()
                self._say_again()

    def _keep_token(self, token: str) -> None:
        if token and token != self._token:
            self._token = token
            if self._on_token is not None:
                self._on_token(token)

    # What is said.

    def _new_cid(self) -> str:
        if len(self._said) >= MOST_UNSAID:
            size = sum(len(pending.body) for pending in self.view.unsaid())
            raise QueueFull(str(self.address), len(self._said), size)
        return secrets.token_hex(12)

    async def _say(self, pending: Pending) -> Ack:
        stored: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self._said[pending.cid] = stored
        self._put(PendingChanged(pending.room, pending.cid))
        self._send(pending)
        try:
            return await stored
        finally:
            del self._said[pending.cid]
            if stored.cancelled():
                self.view.forget(pending.cid)

    def _send(self, pending: Pending) -> None:
        """Give a message to the server, if we are where it belongs; otherwise that is done when we are."""
        if self._ready and pending.state == "waiting" and self.post(pending.request()):
            pending.said_as = self.view.me.id

    def _say_again(self) -> None:
        for pending in self.view.unsaid():
            if pending.said_as in ("", self.view.me.id):
                self._send(pending)
                continue
            # Who says it counts: the same cid from somebody else would be another message.
            why = "it may have been stored, and we are somebody else since; look whether it is there"
            self._take(self.view.fail(pending.cid, "unsure", why))
            self._refuse(pending.cid, RequestRefused("unsure", why))

    def _stored(self, cid: str, ack: Ack) -> None:
        stored = self._said.get(cid)
        if stored is not None and not stored.done():
            stored.set_result(ack)

    def _seen(self, message: Message) -> None:
        """An own message that is there is stored, whether or not the answer to it has come."""
        if message.cid is not None and message.sender == self.view.me.id:
            self._stored(message.cid, _ack_of(message))

    def _not_stored(self, notice: Refused) -> None:
        cid = notice.cid or (notice.ref if isinstance(notice.ref, str) else "")
        if notice.code not in UNSURE:
            self._refuse(cid, RequestRefused(notice.code, notice.text, notice.wait))
        elif (pending := self.view.pending.get(cid)) is not None:
            self._call_later(notice.wait or UNSURE_SECONDS, partial(self._send, pending))

    def _refuse(self, cid: str, error: RequestRefused) -> None:
        stored = self._said.get(cid)
        if stored is not None and not stored.done():
            stored.set_exception(error)

    # Telling and waiting.

    def _put(self, change: Change) -> None:
        self._changes.put(change)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _call_later(self, seconds: float, call: Callable[[], object]) -> None:
        def called() -> None:
            self._timers.discard(timer)
            call()

        timer = asyncio.get_running_loop().call_later(seconds, called)
        self._timers.add(timer)


def _ack_of(message: Message) -> Ack:
    return Ack(
        room=message.room, seq=message.seq, epoch=message.epoch, id=message.id, time=message.time, cid=message.cid
    )
