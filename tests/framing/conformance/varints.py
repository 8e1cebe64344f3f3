"""Lengths of variable size: the tables that the specifications of LEB128, MQTT and others print."""

from tests.framing.conformance.case import Case, over, wrong

TABLE: dict[str, list[Case]] = {
    "MQTT 3.1.1, table 2.4, size of the remaining length field": [
        Case("varint", "00", [b""]),
        Case("varint", "7f" + "76" * 127, [b"v" * 127]),
        Case("varint", "8001" + "76" * 128, [b"v" * 128]),
        Case("varint", "ff7f" + "76" * 16383, [b"v" * 16383]),
        Case("varint", "808001" + "76" * 16384, [b"v" * 16384]),
        Case("varint", "ffff7f", [], over(2097151, 1048576, bytes.fromhex("ffff7f"))),
        Case("varint", "80808001", [], over(2097152, 1048576, bytes.fromhex("80808001"))),
        Case("varint", "ffffff7f", [], over(268435455, 1048576, bytes.fromhex("ffffff7f"))),
    ],
    "MQTT 3.1.1, 2.2.3, the two numbers of its text": [
        Case("varint", "40" + "76" * 64, [b"v" * 64]),
        Case("varint", "c102" + "76" * 321, [b"v" * 321]),
    ],
    "DWARF 5, figure of unsigned LEB128 encodings": [
        Case("varint", "027676", [b"vv"]),
        Case("varint", "7f" + "76" * 127, [b"v" * 127]),
        Case("varint", "8001" + "76" * 128, [b"v" * 128]),
        Case("varint", "8101" + "76" * 129, [b"v" * 129]),
        Case("varint", "8201" + "76" * 130, [b"v" * 130]),
        Case("varint", "b964" + "76" * 12857, [b"v" * 12857]),
    ],
    "DWARF 5, 7.6: bytes of padding do no harm": [
        Case("varint", "8000", [b""], written="00"),
        Case("varint", "838000616263", [b"abc"], written="03616263"),
    ],
    "Wikipedia, LEB128, the number 624485": [
        Case("varint", "e58e26", [], over(624485, 65536, bytes.fromhex("e58e26")), limit=65536),
    ],
    "Protocol Buffers, encoding guide": [
        Case("varint", "0176", [b"v"]),
        Case("varint", "9601" + "76" * 150, [b"v" * 150]),
        Case("varint", "0774657374696e67", [b"testing"]),
        Case("varint", "ac02" + "76" * 300, [b"v" * 300]),
    ],
    "Go, encoding/binary, example of PutUvarint": [
        Case("varint", "0176", [b"v"]),
        Case("varint", "027676", [b"vv"]),
        Case("varint", "7f" + "76" * 127, [b"v" * 127]),
        Case("varint", "8001" + "76" * 128, [b"v" * 128]),
        Case("varint", "ff01" + "76" * 255, [b"v" * 255]),
        Case("varint", "8002" + "76" * 256, [b"v" * 256]),
    ],
    "Go, encoding/binary: the highest number of 64 bits, and one more than 64 bits hold": [
        Case(
            "varint",
            "ffffffffffffffffff01",
            [],
            over(18446744073709551615, 1048576, bytes.fromhex("ffffffffffffffffff01")),
        ),
        Case("varint", "ffffffffffffffffff02", [], wrong("the length is over 64 bits", b"\xff" * 9 + b"\2")),
        Case("varint", "8080808080808080808001", [], wrong("the length is over 64 bits", b"\x80" * 10)),
    ],
    "Minecraft protocol wiki, sample VarInts": [
        Case("varint", "00", [b""]),
        Case("varint", "ff01" + "76" * 255, [b"v" * 255]),
        Case("varint", "ddc701" + "76" * 25565, [b"v" * 25565]),
        Case("varint", "ffff7f", [], over(2097151, 1048576, bytes.fromhex("ffff7f"))),
        Case("varint", "ffffffff07", [], over(2147483647, 1048576, bytes.fromhex("ffffffff07"))),
    ],
}
