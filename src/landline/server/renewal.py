"""Certificates that change while services run, and services whose TLS does not fit their address."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from landline.address import Address, TlsAddress
from landline.errors import CertificateError, ServiceError
from landline.server.service import Service
from landline.transport.tls import ServerTls

log = logging.getLogger("landline.server")

LOOK_SECONDS = 10.0
"""How often the files are looked at: whoever renews a certificate waits no longer for it to be used."""
WARN_DAYS = 14
"""Two weeks: what renews by itself has failed by then, and a person still has time."""


class Renewal:
    """Keeps the certificates of all services of a server up to date.

    `settings` are their ServerTls; None is left out.
    """

    def __init__(self, settings: Iterable[ServerTls | None]) -> None:
        self._settings = list(dict.fromkeys(one for one in settings if one is not None))
        self._next_look: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Tell how long the certificates are good for, and look for new ones from now on."""
        for tls in self._settings:
            _tell_expiry(tls)
        if self._settings:
            self._schedule()

    def stop(self) -> None:
        """Look no more."""
        if self._next_look is not None:
            self._next_look.cancel()

    def reload(self) -> None:
        """Read all certificates again, changed or not. A broken one leaves the old one in use."""
        if not self._settings:
            log.info("there is nothing to reload: no service uses TLS")
        for tls in self._settings:
            _reload(tls)

    def days_left(self) -> float | None:
        """Days until the first certificate expires, or None where there is none."""
        now = time.time()
        return min((tls.days_left(now) for tls in self._settings), default=None)

    def _schedule(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        for tls in self._settings:
            if tls.changed():
                _reload(tls)
        self._schedule()


def _reload(tls: ServerTls) -> None:
    try:
        tls.reload()
    except CertificateError as error:
        log.error("the old certificate stays in use: %s", error)
    else:
        log.info("%s: the certificate was loaded anew", _names(tls))
        _tell_expiry(tls)


def _tell_expiry(tls: ServerTls) -> None:
    days = tls.days_left(time.time())
    if days <= 0:
        log.error("%s: the certificate has expired %.0f days ago; callers refuse it", _names(tls), -days)
    elif days < WARN_DAYS:
        log.warning("%s: the certificate expires in %.1f days; renew it", _names(tls), days)
    else:
        log.info("%s: the certificate expires in %.0f days", _names(tls), days)


def _names(tls: ServerTls) -> str:
    return ", ".join(certificate.path for certificate in tls.certificates)


def check_tls(service: Service, address: Address) -> None:
    """Raise ServiceError if a service is to listen on a tls:// address and has no certificate, or if that has a pin."""
    if not isinstance(address, TlsAddress):
        return
    if service.tls is None:
        raise ServiceError(
            f"{service.name} cannot listen on {address}: it has no certificate; give Service(…, tls=ServerTls(…)), "
            "or --certificate FILE"
        )
    if address.pin is not None:
        raise ServiceError(f"{service.name} cannot listen on {address}: a pin is for callers; leave it out")


def check_datagram_tls(service: Service, address: Address, datagram: bool) -> None:
    """Raise ServiceError if a service with TLS is to answer datagrams."""
    if datagram and service.tls is not None:
        raise ServiceError(
            f"{service.name} cannot answer datagrams on {address}: it has TLS, and TLS needs a stream; "
            "serve udp:// with a service of its own that has none"
        )
