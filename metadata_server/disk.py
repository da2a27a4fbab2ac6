"""What systems do differently about files: locks, and making a new name last."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":

    def alone(file: int) -> bool:
        """Yes: here nothing can tell."""
        return file >= 0

    def keep_name(path: Path) -> None:
        """Nothing to do: here the name lasts with the file."""

else:
    import fcntl

    def alone(file: int) -> bool:
        """Whether this program may have the open file for itself until it closes it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def keep_name(path: Path) -> None:
        """Bring the name of a new file to the disk, not only its content."""
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
