"""Addresses: what each form means, that printing and parsing are inverses, and the sentence for each bad one."""

from dataclasses import FrozenInstanceError, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landline.address import (
    UNIX_PATH_BYTES,
    Address,
    FdAddress,
    TcpAddress,
    TlsAddress,
    UdpAddress,
    UnixAddress,
    check_pin,
    host_port,
    parse,
)
from landline.errors import AddressError

PIN = f"sha256:{'0123456789abcdef' * 4}"
GOOD: dict[str, Address] = {
    "tcp://127.0.0.1:8101": TcpAddress("127.0.0.1", 8101),
    "tcp://localhost:0": TcpAddress("localhost", 0),
    "tcp://example.org:65535": TcpAddress("example.org", 65535),
    "tcp://my_host-1.example:1": TcpAddress("my_host-1.example", 1),
    "tcp://example.org.:80": TcpAddress("example.org.", 80),
    "tcp://Example.ORG:80": TcpAddress("Example.ORG", 80),
    "tcp://[::1]:8101": TcpAddress("::1", 8101),
    "tcp://[::]:8101?v6only=yes": TcpAddress("::", 8101, v6only=True),
    "tcp://[fe80::1%eth0]:8101": TcpAddress("fe80::1%eth0", 8101),
    "tcp://[::ffff:127.0.0.1]:8101": TcpAddress("::ffff:127.0.0.1", 8101),
    "tls://example.org:8443": TlsAddress("example.org", 8443),
    "tls://[::1]:8443": TlsAddress("::1", 8443),
    f"tls://localhost:0?pin={PIN}": TlsAddress("localhost", 0, pin=PIN),
    "tls://[::]:8443?v6only=yes": TlsAddress("::", 8443, v6only=True),
    f"tls://[::]:8443?pin={PIN}&v6only=yes": TlsAddress("::", 8443, v6only=True, pin=PIN),
    "udp://0.0.0.0:8101": UdpAddress("0.0.0.0", 8101),
    "udp://[2001:db8::1]:53": UdpAddress("2001:db8::1", 53),
    "udp://[::]:53?v6only=yes": UdpAddress("::", 53, v6only=True),
    "unix:///run/upper.sock": UnixAddress("/run/upper.sock"),
    "unix:///run/upper.sock?mode=660": UnixAddress("/run/upper.sock", 0o660),
    "unix:///run/upper.sock?mode=007": UnixAddress("/run/upper.sock", 0o007),
    "unix:///run/upper.sock?mode=000": UnixAddress("/run/upper.sock", 0),
    "unix:///run/up%20per%3F%25.sock": UnixAddress("/run/up per?%.sock"),
    "unix:///run/%C3%BC": UnixAddress("/run/ü"),
    "unix:///run/%FF": UnixAddress("/run/\udcff"),
    "unix://@upper": UnixAddress("@upper"),
    "unix://@a/b@c": UnixAddress("@a/b@c"),
    "fd://3": FdAddress(3),
    "fd://0": FdAddress(0),
}


@pytest.mark.parametrize("text", GOOD)
def test_parse_and_print(text: str) -> None:
    assert parse(text) == GOOD[text]
    assert str(GOOD[text]) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("127.0.0.1:8101", "tcp://127.0.0.1:8101"),
        ("localhost:8101", "tcp://localhost:8101"),
        ("[::1]:8101", "tcp://[::1]:8101"),
        ("[::]:8101?v6only=yes", "tcp://[::]:8101?v6only=yes"),
        ("udp:8101", "tcp://udp:8101"),
        ("tcp://[::]:8101?v6only=no", "tcp://[::]:8101"),
        (f"tls://localhost:1?v6only=no&pin={PIN.upper().replace('SHA', 'sha')}", f"tls://localhost:1?pin={PIN}"),
        ("tcp://localhost:08101", "tcp://localhost:8101"),
        ("unix:///run/ü", "unix:///run/%C3%BC"),
        ("unix:///run/\udcff", "unix:///run/%FF"),
        ("unix:///run/a b", "unix:///run/a%20b"),
        ("unix:///run/100%", "unix:///run/100%25"),
        ("unix:///run/x?mode=0660", "unix:///run/x?mode=660"),
        ("fd://03", "fd://3"),
    ],
)
def test_other_spellings(text: str, printed: str) -> None:
    assert str(parse(text)) == printed


TCP, UDP, UNIX = "tcp://127.0.0.1:8101", "udp://127.0.0.1:8101", "unix:///run/upper.sock"
NOT_IPV6 = "the host of {0!r} is not an IPv6 address; write for example tcp://[::1]:8101"
NOT_A_HOST = f"the host of {{0!r}} is not a name or an IP address; write for example {TCP}"
NOT_FOUR = f"the host of {{0!r}} is not four numbers from 0 to 255 without leading zeros; write for example {TCP}"
NO_PORT = f"the port of {{0!r}} is missing; write for example {TCP}"
NOT_A_PORT = f"the port of {{0!r}} is not a number; write for example {TCP}"
NOT_A_ZONE = "the zone of {0!r} is not the name of an interface; write for example tcp://[fe80::1%eth0]:8101"
NOT_A_SCHEME = f"the scheme of {{0!r}} is not tcp, tls, udp, unix or fd; write for example {TCP}"
NOT_A_PIN = "the pin of {0!r} is not sha256: and 64 hex digits; write for example tls://127.0.0.1:8101?pin=" + PIN
NOT_A_PATH = f"the path of {{0!r}} is neither absolute nor an abstract name like @upper; write for example {UNIX}"
NOT_A_MODE = f"the mode of {{0!r}} is not three octal digits; write for example {UNIX}?mode=660"
NOT_A_DESCRIPTOR = "the descriptor of {0!r} is not a whole number; write for example fd://3"

BAD = {
    "": NO_PORT,
    "tcp://": NO_PORT,
    "tcp://x": NO_PORT,
    "localhost": NO_PORT,
    "tcp://localhost:": NO_PORT,
    "udp://localhost": f"the port of {{0!r}} is missing; write for example {UDP}",
    "tcp://[::1]": "the port of {0!r} is missing; write for example tcp://[::1]:8101",
    "tcp://[::1]8101": "the port of {0!r} is missing; write for example tcp://[::1]:8101",
    "tcp://localhost:http": NOT_A_PORT,
    "tcp://localhost:80/": NOT_A_PORT,
    "tcp://localhost:-1": NOT_A_PORT,
    "tcp://localhost:+1": NOT_A_PORT,
    "tcp://localhost: 80": NOT_A_PORT,
    "tcp://localhost:٨٠": NOT_A_PORT,
    "tcp://localhost:" + "1" * 21: NOT_A_PORT,
    "tcp://localhost:65536": f"the port of {{0!r}} is 65536 and the highest is 65535; write for example {TCP}",
    "udp://localhost:70000": f"the port of {{0!r}} is 70000 and the highest is 65535; write for example {UDP}",
    "tcp://:8101": f"the host of {{0!r}} is empty; write for example {TCP}",
    ":8101": f"the host of {{0!r}} is empty; write for example {TCP}",
    "tcp://::1:8101": "the host of {0!r} is IPv6 without its brackets; write for example tcp://[::1]:8101",
    "udp://::1:8101": "the host of {0!r} is IPv6 without its brackets; write for example udp://[::1]:8101",
    "tcp://[::1:8101": "the host of {0!r} opens a bracket and does not close it; write for example tcp://[::1]:8101",
    "tcp://[]:8101": NOT_IPV6,
    "tcp://[127.0.0.1]:8101": NOT_IPV6,
    "tcp://[localhost]:8101": NOT_IPV6,
    "tcp://[::1::]:8101": NOT_IPV6,
    "tcp://[fe80::1%]:8101": NOT_A_ZONE,
    "tcp://[fe80::1%eth 0]:8101": NOT_A_ZONE,
    "tcp://[fe80::1%sixteencharacter]:8101": NOT_A_ZONE,
    "tcp://a b:80": NOT_A_HOST,
    "tcp://-a:80": NOT_A_HOST,
    "tcp://a-:80": NOT_A_HOST,
    "tcp://user@host:80": NOT_A_HOST,
    "tcp://bücher.example:80": NOT_A_HOST,
    "tcp://" + "a" * 254 + ":80": NOT_A_HOST,
    "tcp://localhost\n:80": NOT_A_HOST,
    "tcp://1:80": NOT_FOUR,
    "tcp://1.2.3:80": NOT_FOUR,
    "tcp://256.0.0.1:80": NOT_FOUR,
    "tcp://127.0.0.01:80": NOT_FOUR,
    "tcp://localhost:80?": "the option '' of {0!r} is not v6only=…, given once; "
    "write for example tcp://[::]:8101?v6only=yes",
    "tcp://localhost:80?mode=660": "the option 'mode=660' of {0!r} is not v6only=…, given once; "
    "write for example tcp://[::]:8101?v6only=yes",
    "udp://localhost:80?v6only": "the option 'v6only' of {0!r} is not v6only=…, given once; "
    "write for example udp://[::]:8101?v6only=yes",
    "tcp://[::]:80?v6only=yes&v6only=no": "the option 'v6only=no' of {0!r} is not v6only=…, given once; "
    "write for example tcp://[::]:8101?v6only=yes",
    "udp://[::]:80?v6only=1": "the v6only option of {0!r} is not yes or no; "
    "write for example udp://[::]:8101?v6only=yes",
    "tls://localhost": "the port of {0!r} is missing; write for example tls://127.0.0.1:8101",
    "tls:localhost:80": "the scheme of {0!r} is not followed by ://; write for example tls://127.0.0.1:8101",
    "tls://localhost:80?pin=": NOT_A_PIN,
    f"tls://localhost:80?pin={PIN[7:]}": NOT_A_PIN,
    f"tls://localhost:80?pin={PIN[:-1]}": NOT_A_PIN,
    f"tls://localhost:80?pin={PIN}0": NOT_A_PIN,
    f"tls://localhost:80?pin={PIN[:-1]}g": NOT_A_PIN,
    f"tls://localhost:80?pin={PIN}&pin={PIN}": f"the option 'pin={PIN}' of {{0!r}} "
    "is not pin=… or v6only=…, given once; write for example tls://[::]:8101?v6only=yes",
    f"tcp://localhost:80?pin={PIN}": f"the option 'pin={PIN}' of {{0!r}} is not v6only=…, given once; "
    "write for example tcp://[::]:8101?v6only=yes",
    "ftp://localhost:80": NOT_A_SCHEME,
    "TCP://localhost:80": NOT_A_SCHEME,
    "://localhost:80": NOT_A_SCHEME,
    "unix:/run/upper.sock": f"the scheme of {{0!r}} is not followed by ://; write for example {UNIX}",
    "tcp:localhost:80": f"the scheme of {{0!r}} is not followed by ://; write for example {TCP}",
    "fd:": "the scheme of {0!r} is not followed by ://; write for example fd://3",
    "udp": f"the scheme of {{0!r}} is not followed by ://; write for example {UDP}",
    "/run/upper.sock": f"the scheme of {{0!r}} is missing; write for example {UNIX}",
    "./upper.sock": f"the scheme of {{0!r}} is missing; write for example {UNIX}",
    "unix://": NOT_A_PATH,
    "unix://@": NOT_A_PATH,
    "unix://run/upper.sock": NOT_A_PATH,
    "unix:///" + "x" * 107: f"the path of {{0!r}} has 108 bytes and the most is 107; write for example {UNIX}",
    "unix:///" + "ü" * 54: f"the path of {{0!r}} has 109 bytes and the most is 107; write for example {UNIX}",
    "unix://@" + "x" * 107: f"the path of {{0!r}} has 108 bytes and the most is 107; write for example {UNIX}",
    "unix:///a%00b": f"the path of {{0!r}} holds a zero byte; write for example {UNIX}",
    "unix:///a\ud800": f"the path of {{0!r}} holds a character that no file name can have; write for example {UNIX}",
    "unix:///a?mode=": NOT_A_MODE,
    "unix:///a?mode=66": NOT_A_MODE,
    "unix:///a?mode=680": NOT_A_MODE,
    "unix:///a?mode=1660": NOT_A_MODE,
    "unix:///a?mode=rw": NOT_A_MODE,
    "unix:///a?v6only=yes": "the option 'v6only=yes' of {0!r} is not mode=…, given once; "
    f"write for example {UNIX}?mode=660",
    "unix://@a?mode=660": "the mode of {0!r} does not apply to an abstract name, which has no file; "
    "write for example unix://@upper",
    "fd://": NOT_A_DESCRIPTOR,
    "fd://-1": NOT_A_DESCRIPTOR,
    "fd://3?x": NOT_A_DESCRIPTOR,
    "fd://" + "1" * 10: NOT_A_DESCRIPTOR,
}


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    assert str(caught.value) == BAD[text].format(text)
    assert caught.value.text == text
    # The example is a correct one, of the kind that was probably meant.
    assert str(parse(caught.value.example)) == caught.value.example


def test_the_longest_host() -> None:
    assert parse(f"{'a' * 253}:80") == TcpAddress("a" * 253, 80)


def test_the_longest_unix_path() -> None:
    path = "/" + "x" * (UNIX_PATH_BYTES - 1)
    assert parse(f"unix://{path}") == UnixAddress(path)


@pytest.mark.parametrize(
    ("address", "abstract", "sockaddr"),
    [
        (UnixAddress("/run/upper.sock"), False, b"/run/upper.sock"),
        (UnixAddress("/run/\udcff"), False, b"/run/\xff"),
        (UnixAddress("@upper"), True, b"\0upper"),
    ],
)
def test_what_the_kernel_is_given(address: UnixAddress, abstract: bool, sockaddr: bytes) -> None:
    assert (address.abstract, address.sockaddr) == (abstract, sockaddr)


def test_each_kind_names_its_scheme() -> None:
    kinds = (TcpAddress, TlsAddress, UdpAddress, UnixAddress, FdAddress)
    assert [kind.scheme for kind in kinds] == ["tcp", "tls", "udp", "unix", "fd"]


def test_a_tls_address_is_a_tcp_address_and_equals_none() -> None:
    address: Address = TlsAddress("a", 1)
    assert isinstance(address, TcpAddress)
    assert address != TcpAddress("a", 1)


def test_a_pin_by_itself() -> None:
    assert check_pin("sha256:" + "AB" * 32) == "sha256:" + "ab" * 32
    with pytest.raises(AddressError) as caught:
        check_pin("sha1:00")
    assert str(caught.value) == f"the pin of 'sha1:00' is not sha256: and 64 hex digits; write for example {PIN}"


@pytest.mark.parametrize(
    "address", [TcpAddress("a", 1), TlsAddress("a", 1), UdpAddress("a", 1), UnixAddress("/a"), FdAddress(3)]
)
def test_an_address_is_a_value(address: Address) -> None:
    assert {address, replace(address)} == {address}
    for field in fields(address):
        with pytest.raises(FrozenInstanceError):
            setattr(address, field.name, None)


def test_host_and_port() -> None:
    assert host_port("localhost", 80) == "localhost:80"
    assert host_port("::1", 80) == "[::1]:80"


LETTERS = "abcXYZ019_"
NAMES = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(LETTERS),
    st.text(LETTERS + "-.", max_size=20),
    st.sampled_from(LETTERS + "."),
).filter(lambda name: not set(name) <= set("0123456789."))
ZONES = st.just("") | st.text("abc019_.@-", min_size=1, max_size=15).map("%".__add__)
HOSTS = (
    NAMES
    | st.ip_addresses(v=4).map(str)
    | st.builds(lambda address, zone: f"{address}{zone}", st.ip_addresses(v=6), ZONES)
)
PATHS = st.builds(
    lambda start, rest: (start + rest).decode("utf-8", "surrogateescape"),
    st.sampled_from([b"/", b"@a"]),
    st.binary(max_size=UNIX_PATH_BYTES - 2).map(lambda raw: raw.replace(b"\0", b"?")),
)


@st.composite
def unix_addresses(draw: st.DrawFn) -> UnixAddress:
    path = draw(PATHS)
    return UnixAddress(path, None if path.startswith("@") else draw(st.none() | st.integers(0, 0o777)))


PIN_OF = "sha256:{}".format
INTERNET = (st.sampled_from([TcpAddress, UdpAddress]), HOSTS, st.integers(0, 65535), st.booleans())
ADDRESSES: st.SearchStrategy[Address] = (
    st.builds(lambda kind, host, port, v6only: kind(host, port, v6only), *INTERNET)
    | st.builds(
        TlsAddress, *INTERNET[1:], st.none() | st.text("0123456789abcdef", min_size=64, max_size=64).map(PIN_OF)
    )
    | unix_addresses()
    | st.builds(FdAddress, st.integers(0, 999_999_999))
)


@given(ADDRESSES)
def test_parse_reads_what_is_printed(address: Address) -> None:
    assert parse(str(address)) == address
    assert str(address).isascii()


@given(st.text() | st.text("tcpudnixf:/[]@%?=&.019amodv6ly-\udcff"))
def test_any_other_text_is_refused_with_a_sentence(text: str) -> None:
    try:
        address = parse(text)
    except AddressError as error:
        assert "; write for example " in str(error)
    else:
        assert parse(str(address)) == address
