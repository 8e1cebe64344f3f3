"""SLIP and COBS: the rules of RFC 1055, KISS, and the published tables of encodings."""

from tests.framing.conformance.case import Case, Unsendable, cut, span, unended, wrong

TABLE: dict[str, list[Case | Unsendable]] = {
    "RFC 1055, SLIP: END, ESC and their escapes": [
        Case("slip", "616263c0", [b"abc"]),
        Case("slip", "dbdcc0", [b"\xc0"]),
        Case("slip", "dbddc0", [b"\xdb"]),
        Case("slip", "dbdddbdcc0", [b"\xdb\xc0"]),
        Case("slip", "dbdddcc0", [b"\xdb\xdc"]),
        Case("slip", "dcddc0", [b"\xdc\xdd"]),
        Case("slip", "01dbdc02dbdd03c0", [b"\x01\xc0\x02\xdb\x03"]),
        Case("slip", "4500c06000c0", [b"E\x00", b"`\x00"]),
    ],
    "RFC 1055, SLIP: an END before the packet too, to flush line noise (Phil Karn)": [
        Case("slip", "c04500c0", [b"E\x00"], written="4500c0"),
        Case("slip", "c04500c0c06000c0", [b"E\x00", b"`\x00"], written="4500c06000c0"),
        Case("slip", "c0c0c0", [], written=""),
        Case("slip", "f3c04500c0", [b"\xf3", b"E\x00"]),
        Case("slip", "4500", [], cut(b"E\0")),
        Unsendable("slip", b"", "it is empty, and receivers skip empty packets"),
    ],
    "RFC 1055, SLIP: what a sender may not send": [
        Case("slip", "41db42c0", [], wrong("an escape byte db is followed by neither dc nor dd", b"A")),
        Case("slip", "41dbc0", [], wrong("an escape byte db is followed by neither dc nor dd", b"A")),
        Case("slip", "61" * 1007 + "c0", [], unended(1006, b"a" * 16), limit=1006),
        Case("slip", "61" * 1006 + "c0", [b"a" * 1006], limit=1006),
    ],
    "KISS, the protocol for terminal node controllers (Chepponis and Karn), as worked examples show it": [
        Case("slip", "c00054455354c0", [b"\x00TEST"], written="0054455354c0"),
        Case("slip", "c05048656c6c6fc0", [b"PHello"], written="5048656c6c6fc0"),
        Case("slip", "c000dbdcdbddc0", [b"\x00\xc0\xdb"], written="00dbdcdbddc0"),
        Case("slip", "c0ffc0", [b"\xff"], written="ffc0"),
    ],
    "Cheshire and Baker, Consistent Overhead Byte Stuffing, 1999, the packet of figure 3": [
        Case("cobs", "024501042c4c79010540064f3700", [b"E\x00\x00,Ly\x00\x00@\x06O7"]),
    ],
    "Wikipedia, Consistent Overhead Byte Stuffing, table of encodings": [
        Case("cobs", "010100", [b"\x00"]),
        Case("cobs", "01010100", [b"\x00\x00"]),
        Case("cobs", "0102110100", [b"\x00\x11\x00"]),
        Case("cobs", "031122023300", [b'\x11"\x003']),
        Case("cobs", "051122334400", [b'\x11"3D']),
        Case("cobs", "021101010100", [b"\x11\x00\x00\x00"]),
        Case("cobs", "ff" + span(1, 254).hex() + "00", [span(1, 254)], written="ff" + span(1, 254).hex() + "0100"),
        Case("cobs", "01ff" + span(1, 254).hex() + "00", [span(0, 254)], written="01ff" + span(1, 254).hex() + "0100"),
        Case("cobs", "ff" + span(1, 254).hex() + "02ff00", [span(1, 255)]),
        Case("cobs", "ff" + span(2, 255).hex() + "010100", [span(2, 255) + b"\x00"]),
        Case("cobs", "fe" + span(3, 255).hex() + "020100", [span(3, 255) + b"\x00\x01"]),
    ],
    "cobs for Python (McQueen), documentation and tests": [
        Case("cobs", "0c48656c6c6f20776f726c640f546869732069732061207465737400", [b"Hello world\x00This is a test"]),
        Case("cobs", "0100", [b""]),
        Case("cobs", "023100", [b"1"]),
        Case("cobs", "06313233343500", [b"12345"]),
        Case("cobs", "063132333435053637383900", [b"12345\x006789"]),
        Case("cobs", "01063132333435053637383900", [b"\x0012345\x006789"]),
        Case("cobs", "06313233343505363738390100", [b"12345\x006789\x00"]),
        Case("cobs", "0101010100", [b"\x00\x00\x00"]),
        Case("cobs", "fe" + span(1, 253).hex() + "00", [span(1, 253)]),
        Case(
            "cobs",
            "05313233340531323334350600",
            [],
            wrong("code byte 53 announces 52 bytes and 1 are left", b"\x051234\x0512345\x06"),
        ),
        Case("cobs", "0531323300", [], wrong("code byte 5 announces 4 bytes and 3 are left", b"\x05123")),
        Case("cobs", "0500", [], wrong("code byte 5 announces 4 bytes and 0 are left", b"\5")),
        Case("cobs", "05313233", [], cut(b"\x05123")),
    ],
}
