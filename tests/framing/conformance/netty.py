"""What the documentation and the tests of Netty's frame decoders show, byte by byte."""

from tests.framing.conformance.case import Case, Unsendable, cut, over, unended

TABLE: dict[str, list[Case | Unsendable]] = {
    "Netty, LengthFieldBasedFrameDecoder, class documentation": [
        Case("length:u16be,header=included", "000c48454c4c4f2c20574f524c44", [b"\x00\x0cHELLO, WORLD"]),
        Case("length:u16be", "000c48454c4c4f2c20574f524c44", [b"HELLO, WORLD"]),
        Case("length:u16be,adjustment=-2,header=included", "000e48454c4c4f2c20574f524c44", [b"\x00\x0eHELLO, WORLD"]),
        Case(
            "length:u24be,offset=2,header=included",
            "cafe00000c48454c4c4f2c20574f524c44",
            [b"\xca\xfe\x00\x00\x0cHELLO, WORLD"],
        ),
        Case(
            "length:u24be,adjustment=2,header=included",
            "00000ccafe48454c4c4f2c20574f524c44",
            [b"\x00\x00\x0c\xca\xfeHELLO, WORLD"],
        ),
        Case(
            "length:u16be,offset=1,adjustment=1",
            "ca000cfe48454c4c4f2c20574f524c44",
            [b"\xfeHELLO, WORLD"],
            written="00000cfe48454c4c4f2c20574f524c44",
        ),
        Case(
            "length:u16be,offset=1,adjustment=-3",
            "ca0010fe48454c4c4f2c20574f524c44",
            [b"\xfeHELLO, WORLD"],
            written="000010fe48454c4c4f2c20574f524c44",
        ),
        Case(
            "length:u16be,offset=1,adjustment=1,header=included",
            "ca000cfe48454c4c4f2c20574f524c44",
            [b"\xca\x00\x0c\xfeHELLO, WORLD"],
        ),
        Case(
            "length:u16be,offset=1,adjustment=-3,header=included",
            "ca0010fe48454c4c4f2c20574f524c44",
            [b"\xca\x00\x10\xfeHELLO, WORLD"],
        ),
    ],
    "Netty, LengthFieldBasedFrameDecoder, its tests": [
        Case("length:u32be", "0000000141", [b"A"], limit=5),
        Case("length:u32be", "00000020" + "00" * 32, [], over(32, 16, b"\0\0\0 "), limit=16),
        Case("length:u32be", "000000016100000020" + "00" * 32, [b"a"], over(32, 16, b"\0\0\0 ", 5), limit=16),
        Case("length:u32be", "0000000200", [], over(2, 1, b"\0"), limit=1),
    ],
    "Netty, LengthFieldPrepender, class documentation": [
        Case("length:u16be", "000c48454c4c4f2c20574f524c44", [b"HELLO, WORLD"]),
        Case("length:u16be,adjustment=-2", "000e48454c4c4f2c20574f524c44", [b"HELLO, WORLD"]),
    ],
    "Netty, LengthFieldPrepender, its tests": [
        Case("length:u32be", "0000000141", [b"A"]),
        Case("length:u32be,adjustment=-4", "0000000541", [b"A"]),
        Case("length:u32be,adjustment=1", "0000000041", [b"A"]),
        Case("length:u32le", "0100000041", [b"A"]),
        Unsendable("length:u32be,adjustment=2", b"A", "it has 1 bytes; 2 to 4294967297 can be said"),
        Unsendable("length:u8", b"A" * 256, "it has 256 bytes; 0 to 255 can be said"),
        Unsendable("length:u16be", b"A" * 65536, "it has 65536 bytes; 0 to 65535 can be said"),
    ],
    "Netty, DelimiterBasedFrameDecoder, class documentation": [
        Case("lines", "4142430a4445460d0a", [b"ABC", b"DEF"], written="4142430a4445460a"),
        Case("delimited:0d0a", "4142430a4445460d0a", [b"ABC\nDEF"]),
    ],
    "Netty, DelimiterBasedFrameDecoder, its tests": [
        Case("lines:crlf", "546573744c696e650d0a670d0a", [b"TestLine", b"g"]),
        Case("delimited:0d0a", "546573744c696e650d0a670d0a", [b"TestLine", b"g"]),
        Case("lines", "66697273740d0a7365636f6e640a7468697264", [b"first", b"second"], cut(b"third", offset=14)),
        Case("delimited:00", "0102", [], unended(1, b"\1"), limit=1),
        Case("delimited:00", "4100", [b"A"], limit=1),
        Case("delimited:00", "546573744c696e65006700", [b"TestLine", b"g"]),
    ],
    "Netty, LineBasedFrameDecoder, its tests": [
        Case("lines", "66697273740d0a7365636f6e640a7468697264", [b"first", b"second"], cut(b"third", offset=14)),
        Case("lines:crlf", "6c696e650d0a2e0d0a", [b"line", b"."]),
        Case(
            "lines",
            "31323334353637383930313233343536373839300d0a66697273740a7365636f6e64",
            [],
            unended(16, b"1234567890123456"),
            limit=16,
        ),
        Case(
            "lines",
            "313233343536373839303132333435360d0a66697273740a",
            [b"1234567890123456", b"first"],
            limit=16,
            written="313233343536373839303132333435360a66697273740a",
        ),
    ],
    "Netty, FixedLengthFrameDecoder, class documentation": [
        Case("fixed:3", "414243444546474849", [b"ABC", b"DEF", b"GHI"]),
        Case("fixed:3", "4142434445464748", [b"ABC", b"DEF"], cut(b"GH", 3, 6)),
        Unsendable("fixed:3", b"DEFG", "it has 4 bytes, not 3"),
    ],
    "Netty, ProtobufVarint32FrameDecoder, class documentation and tests": [
        Case("varint", "ac02" + "70" * 300, [b"p" * 300]),
        Case("varint", "0401010101", [b"\x01\x01\x01\x01"]),
        Case("varint", "fe0f" + "01" * 2046, [b"\x01" * 2046]),
    ],
    "Netty, ProtobufVarint32LengthFieldPrepender, its tests": [
        Case("varint", "0a01010101010101010101", [b"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"]),
        Case("varint", "8a02" + "01" * 266, [b"\x01" * 266]),
        Case("varint", "8080" + "01" * 16385, [b"\x01" * 16384]),
        Case("varint", "80808001", [], over(2097152, 1048576, b"\x80\x80\x80\1")),
        Case("varint", "8080808001", [], over(268435456, 1048576, b"\x80\x80\x80\x80\1")),
    ],
}
