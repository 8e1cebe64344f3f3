"""Netstrings as their inventor wrote them down, and Erlang's packet option."""

from tests.framing.conformance.case import Case, cut, over, wrong

TABLE: dict[str, list[Case]] = {
    "D. J. Bernstein, Netstrings, 1997": [
        Case("netstring", "31323a68656c6c6f20776f726c64212c", [b"hello world!"]),
        Case("netstring", "303a2c", [b""]),
        Case("netstring", "30303a2c", [], wrong("the length starts with a zero", b"00")),
        Case("netstring", "3031323a68656c6c6f20776f726c64212c", [], wrong("the length starts with a zero", b"01")),
        Case("netstring", "31323a68656c6c6f20776f726c6421", [], cut(b"12:hello world!", 16)),
        Case(
            "netstring",
            "31323a68656c6c6f20776f726c64213b",
            [],
            wrong("byte 0x3b stands where the comma behind 12 bytes must be", b"12:hello world!"),
        ),
    ],
    "Erlang, erlang:decode_packet, manual page": [
        Case("length:u8", "0361626364", [b"abc"], cut(b"d", 101, 4)),
        Case("length:u8", "0561626364", [], cut(b"\5abcd", 6)),
    ],
    "Erlang, inet:setopts, the packet option: 1, 2 and 4 bytes before the packet, high byte first": [
        Case("length:u8", "0568656c6c6f00", [b"hello", b""]),
        Case("length:u16be", "000568656c6c6f0000", [b"hello", b""]),
        Case("length:u32be", "0000000568656c6c6f00000000", [b"hello", b""]),
        Case("length:u32be", "0000000568656c6c6f", [], over(5, 4, b"\0\0\0\5"), limit=4),
        Case("lines", "6f6e650a74776f0a", [b"one", b"two"]),
        Case("delimited:3b", "6f6e653b74776f3b", [b"one", b"two"]),
        Case("length:u16be,offset=2,adjustment=-4,header=included", "03000007616263", [b"\x03\x00\x00\x07abc"]),
    ],
    "Erlang enhancement proposal 34: 3 and 8 bytes, and low byte first": [
        Case("length:u24be", "00000568656c6c6f", [b"hello"]),
        Case("length:u64be", "000000000000000568656c6c6f", [b"hello"]),
        Case("length:u16le", "050068656c6c6f", [b"hello"]),
        Case("length:u32le", "0500000068656c6c6f", [b"hello"]),
    ],
}
