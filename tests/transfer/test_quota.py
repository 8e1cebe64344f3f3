"""What a folder may hold."""

from __future__ import annotations

import os
from pathlib import Path

from landline.transfer.quota import Quota, used_bytes


def test_what_is_taken_can_be_given_back() -> None:
    quota = Quota(100, 40)
    assert quota.take(60)
    assert not quota.take(1)
    quota.give_back(10)
    assert quota.free == 10
    assert Quota(None).take(10**30)
    assert Quota(None).free is None


def test_what_is_there_is_counted_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"12345")
    (tmp_path / "g").write_bytes(b"123")
    (tmp_path / "l").symlink_to("nowhere")
    dir_fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert used_bytes(dir_fd) == 8 + len("nowhere")
    finally:
        os.close(dir_fd)
