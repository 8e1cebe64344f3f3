"""SLIP and COBS: the rules of RFC 1055, KISS, and the published tables of encodings."""

from tests.framing.conformance.case import Case, Unsendable, cut, unended, wrong

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
        Case(
            "cobs",
            (
                "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
                "2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b"
                "5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
                "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
                "b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5"
                "e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe00"
            ),
            [
                bytes.fromhex(
                    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
                    "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758"
                    "595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384"
                    "85868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0"
                    "b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdc"
                    "dddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe"
                )
            ],
            written=(
                "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
                "2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b"
                "5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
                "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
                "b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5"
                "e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe0100"
            ),
        ),
        Case(
            "cobs",
            (
                "01ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
                "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a"
                "5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788"
                "898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6"
                "b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4"
                "e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe00"
            ),
            [
                bytes.fromhex(
                    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
                    "2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f5051525354555657"
                    "58595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"
                    "8485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
                    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadb"
                    "dcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe"
                )
            ],
            written=(
                "01ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
                "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a"
                "5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788"
                "898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6"
                "b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4"
                "e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe0100"
            ),
        ),
        Case(
            "cobs",
            (
                "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
                "2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b"
                "5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
                "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
                "b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5"
                "e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfe02ff00"
            ),
            [
                bytes.fromhex(
                    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
                    "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758"
                    "595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384"
                    "85868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0"
                    "b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdc"
                    "dddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
                )
            ],
        ),
        Case(
            "cobs",
            (
                "ff02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e"
                "2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c"
                "5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a"
                "8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8"
                "b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6"
                "e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff010100"
            ),
            [
                bytes.fromhex(
                    "02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
                    "2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f50515253545556575859"
                    "5a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485"
                    "868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1"
                    "b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdd"
                    "dedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff00"
                )
            ],
        ),
        Case(
            "cobs",
            (
                "fe030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f"
                "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d"
                "5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b"
                "8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9"
                "babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7"
                "e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff020100"
            ),
            [
                bytes.fromhex(
                    "030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e"
                    "2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a"
                    "5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586"
                    "8788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2"
                    "b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcddde"
                    "dfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff0001"
                )
            ],
        ),
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
        Case(
            "cobs",
            (
                "fe0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d"
                "2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b"
                "5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283848586878889"
                "8a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
                "b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5"
                "e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfd00"
            ),
            [
                bytes.fromhex(
                    "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c"
                    "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758"
                    "595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384"
                    "85868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0"
                    "b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdc"
                    "dddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfd"
                )
            ],
        ),
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
