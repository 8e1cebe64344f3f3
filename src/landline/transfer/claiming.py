"""Giving a finished file its name in one step, without overwriting what has that name, whatever the file system."""

from __future__ import annotations

import contextlib
import errno
import os

from landline.transfer.kernelcalls import rename_without_overwriting

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What file systems say that know no second name for a file, FAT for one."""


class Claims:
    """Moves files from one folder, `source_fd`, to names in others. It learns which way the file system can."""

    def __init__(self, source_fd: int) -> None:
        self._source_fd = source_fd
        self._can_rename = True
        self._can_link = True

    def claim(self, source: bytes, folder_fd: int, name: bytes) -> None:
        """Move the file `source` to `name` in the folder `folder_fd`, if nothing has that name; all or nothing.

        Raises OSError, with EEXIST if something has it.
        """
        if self._can_rename:
            self._can_rename = rename_without_overwriting(self._source_fd, source, folder_fd, name)
            if self._can_rename:
                return
        if self._can_link:
            self._can_link = self._linked(source, folder_fd, name)
            if self._can_link:
                return
        self._over_placeholder(source, folder_fd, name)

    def replace(self, source: bytes, folder_fd: int, name: bytes) -> None:
        """Move `source` to `name`, in place of what has that name unless it is a folder. Raises OSError."""
        os.rename(source, name, src_dir_fd=self._source_fd, dst_dir_fd=folder_fd)

    def _linked(self, source: bytes, folder_fd: int, name: bytes) -> bool:
        try:
            os.link(source, name, src_dir_fd=self._source_fd, dst_dir_fd=folder_fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        # It has its name; that the working name is still there as well is no reason to say it has not.
        with contextlib.suppress(OSError):
            os.unlink(source, dir_fd=self._source_fd)
        return True

    def _over_placeholder(self, source: bytes, folder_fd: int, name: bytes) -> None:
        """Take the name with an empty file, and put ours in its place. A crash between leaves the empty file."""
        placeholder_fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder_fd)
        try:
            self.replace(source, folder_fd, name)
        except OSError:
            with contextlib.suppress(OSError):
                found = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
                if os.path.samestat(found, os.fstat(placeholder_fd)):
                    os.unlink(name, dir_fd=folder_fd)
            raise
        finally:
            os.close(placeholder_fd)
