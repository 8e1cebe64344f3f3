"""SuperSocket's filters, and protocols whose specifications show their messages byte by byte."""

from tests.framing.conformance.case import Case, wrong

TABLE: dict[str, list[Case]] = {
    "SuperSocket 1.6, built-in protocol templates": [
        Case("delimited:2323", "4543484f20596f7572206d6573736167652323", [b"ECHO Your message"]),
        Case("delimited:2323", "612362232363232323642323", [b"a#b", b"c", b"#d"]),
        Case("fixed:9", "4b494c4c2042494c4c4b494c4c2042494c4c", [b"KILL BILL", b"KILL BILL"]),
        Case("length:u16be,offset=4,header=included", "4543484f000568656c6c6f", [b"ECHO\x00\x05hello"]),
        Case("length:u16be,offset=4", "4543484f0100" + "62" * 256, [b"b" * 256], written="000000000100" + "62" * 256),
        Case("delimited:24", "21787878787878787878787878787824", [b"!xxxxxxxxxxxxxx"]),
    ],
    "SuperSocket 1.6, built-in command line protocol": [
        Case("lines:crlf", "4c4f47494e206b65727279203132333435360d0a", [b"LOGIN kerry 123456"]),
        Case("lines:crlf", "4c4f47494e3a6b657272792c31323334350d0a", [b"LOGIN:kerry,12345"]),
    ],
    "RFC 1006 and 2126, TPKT: version, reserved, length of all": [
        Case(
            "length:u16be,offset=2,adjustment=-4,header=included",
            "0300000b06e00000000000",
            [b"\x03\x00\x00\x0b\x06\xe0\x00\x00\x00\x00\x00"],
        ),
        Case(
            "length:u16be,offset=2,adjustment=-4",
            "03000003",
            [],
            wrong("the length field says 3, less than nothing with adjustment -4", b"\3\0\0\3"),
        ),
    ],
    "RFC 1035, 4.2.2, DNS over TCP: two bytes of length": [
        Case("length:u16be", "000c123401000000000000000000", [b"\x124\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"]),
    ],
    "RFC 4271, BGP: 16 bytes of marker, length of all; KEEPALIVE and OPEN": [
        Case(
            "length:u16be,offset=16,adjustment=-18,header=included",
            "ffffffffffffffffffffffffffffffff001304",
            [b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x13\x04"],
        ),
        Case(
            "length:u16be,offset=16,adjustment=-18,header=included",
            "ffffffffffffffffffffffffffffffff001d0104fde800b4c000020100",
            [bytes.fromhex("ffffffffffffffffffffffffffffffff001d0104fde800b4c000020100")],
        ),
    ],
    "RFC 9113, HTTP/2: 24 bits of length before 6 bytes of header; SETTINGS, its acknowledgement and PING": [
        Case(
            "length:u24be,adjustment=6,header=included", "000000040000000000", [b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"]
        ),
        Case(
            "length:u24be,adjustment=6,header=included", "000000040100000000", [b"\x00\x00\x00\x04\x01\x00\x00\x00\x00"]
        ),
        Case(
            "length:u24be,adjustment=6,header=included",
            "0000080600000000000000000000000001",
            [b"\x00\x00\x08\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"],
        ),
    ],
    "RFC 8446, TLS record: type, version, length; an alert and a ChangeCipherSpec": [
        Case("length:u16be,offset=3,header=included", "15030300020100", [b"\x15\x03\x03\x00\x02\x01\x00"]),
        Case("length:u16be,offset=3,header=included", "140303000101", [b"\x14\x03\x03\x00\x01\x01"]),
    ],
    "RFC 8489, STUN: the length leaves the header of 20 bytes out; a binding request": [
        Case(
            "length:u16be,offset=2,adjustment=16,header=included",
            "000100002112a442b7e7a701bc34d686fa87dfae",
            [b"\x00\x01\x00\x00!\x12\xa4B\xb7\xe7\xa7\x01\xbc4\xd6\x86\xfa\x87\xdf\xae"],
        ),
    ],
    "RFC 2326, RTSP: interleaved binary data behind a dollar sign": [
        Case("length:u16be,offset=2,header=included", "2400000480600001", [b"$\x00\x00\x04\x80`\x00\x01"]),
    ],
    "RFC 4571, RTP over TCP": [
        Case("length:u16be", "000480600001", [b"\x80`\x00\x01"]),
    ],
    "PostgreSQL, message formats: type, length that counts itself": [
        Case(
            "length:u32be,offset=1,adjustment=-4,header=included",
            "5200000008000000005a0000000549",
            [b"R\x00\x00\x00\x08\x00\x00\x00\x00", b"Z\x00\x00\x00\x05I"],
        ),
        Case("length:u32be,offset=1,adjustment=-4,header=included", "5800000004", [b"X\x00\x00\x00\x04"]),
        Case("length:u32be,adjustment=-4,header=included", "0000000804d2162f", [b"\x00\x00\x00\x08\x04\xd2\x16/"]),
    ],
    "AMQP 0-9-1: type, channel, size, payload and an end byte; the heartbeat": [
        Case(
            "length:u32be,offset=3,adjustment=1,header=included",
            "08000000000000ce",
            [b"\x08\x00\x00\x00\x00\x00\x00\xce"],
        ),
    ],
    "gRPC over HTTP/2: compressed flag, length, message": [
        Case("length:u32be,offset=1,header=included", "0000000003616263", [b"\x00\x00\x00\x00\x03abc"]),
    ],
    "BitTorrent, BEP 3, peer messages: keep-alive, choke, unchoke, interested, not interested, have, request": [
        Case("length:u32be", "00000000", [b""]),
        Case("length:u32be", "00000001000000000101", [b"\x00", b"\x01"]),
        Case("length:u32be", "00000001020000000103", [b"\x02", b"\x03"]),
        Case("length:u32be", "00000005040000002a", [b"\x04\x00\x00\x00*"]),
        Case(
            "length:u32be", "0000000d06000000000000000000004000", [b"\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00@\x00"]
        ),
    ],
    "SSH agent protocol: a request for identities, and success": [
        Case("length:u32be", "000000010b", [b"\x0b"]),
        Case("length:u32be", "0000000106", [b"\x06"]),
    ],
    "IEC 60870-5-104: start byte, length; STARTDT and TESTFR, asked and confirmed": [
        Case("length:u8,offset=1,header=included", "680407000000", [b"h\x04\x07\x00\x00\x00"]),
        Case("length:u8,offset=1,header=included", "68040b000000", [b"h\x04\x0b\x00\x00\x00"]),
        Case("length:u8,offset=1,header=included", "680443000000", [b"h\x04C\x00\x00\x00"]),
        Case("length:u8,offset=1,header=included", "680483000000", [b"h\x04\x83\x00\x00\x00"]),
    ],
    "DICOM PS3.8, upper layer: A-RELEASE-RQ and A-RELEASE-RP": [
        Case(
            "length:u32be,offset=2,header=included",
            "05000000000400000000",
            [b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"],
        ),
        Case(
            "length:u32be,offset=2,header=included",
            "06000000000400000000",
            [b"\x06\x00\x00\x00\x00\x04\x00\x00\x00\x00"],
        ),
    ],
    "OpenFlow 1.0: version, type, length of all; HELLO and ECHO_REQUEST": [
        Case(
            "length:u16be,offset=2,adjustment=-4,header=included",
            "0100000800000001",
            [b"\x01\x00\x00\x08\x00\x00\x00\x01"],
        ),
        Case(
            "length:u16be,offset=2,adjustment=-4,header=included",
            "0102000800000002",
            [b"\x01\x02\x00\x08\x00\x00\x00\x02"],
        ),
    ],
    "Modbus messaging on TCP/IP, reading register 5": [
        Case(
            "length:u16be,offset=4,header=included",
            "150100000006ff0300040001",
            [b"\x15\x01\x00\x00\x00\x06\xff\x03\x00\x04\x00\x01"],
        ),
    ],
    "Docker Engine API, attach: stream type, three zeros, length": [
        Case(
            "length:u32be,offset=4,header=included",
            "010000000000000668656c6c6f0a",
            [b"\x01\x00\x00\x00\x00\x00\x00\x06hello\n"],
        ),
    ],
    "Chrome native messaging: 32 bits of length in native order": [
        Case("length:u32le", "110000007b2274657874223a202268656c6c6f227d", [b'{"text": "hello"}']),
    ],
    "MongoDB wire protocol: little-endian length of all": [
        Case(
            "length:u32le,adjustment=-4,header=included",
            "100000000100000000000000d4070000",
            [b"\x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xd4\x07\x00\x00"],
        ),
    ],
    "Zabbix protocol: ZBXD, flags, data length, reserved": [
        Case(
            "length:u32le,offset=5,adjustment=4,header=included",
            "5a425844010300000000000000616263",
            [b"ZBXD\x01\x03\x00\x00\x00\x00\x00\x00\x00abc"],
        ),
    ],
    "STOMP 1.2: frames end with a zero byte": [
        Case(
            "delimited:00",
            "53454e440a64657374696e6174696f6e3a2f71756575652f610a0a68656c6c6f207175657565206100",
            [b"SEND\ndestination:/queue/a\n\nhello queue a"],
        ),
    ],
    "RFC 5321, SMTP, D.1: the first lines of a typical transaction": [
        Case(
            "lines:crlf",
            "45484c4f206261722e636f6d0d0a4d41494c2046524f4d3a3c536d697468406261722e636f6d3e0d0a",
            [b"EHLO bar.com", b"MAIL FROM:<Smith@bar.com>"],
        ),
    ],
    "RFC 2812, IRC: messages end with CR LF": [
        Case(
            "lines:crlf",
            "504153532073656372657470617373776f7264686572650d0a4e49434b2057697a0d0a",
            [b"PASS secretpasswordhere", b"NICK Wiz"],
        ),
    ],
}
