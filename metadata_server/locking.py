"""One program at a time on one file, where the system can tell."""

import sys

if sys.platform == "win32":

    def alone(file: int) -> bool:
        """Yes: here nothing can tell."""
        return file >= 0

else:
    import fcntl

    def alone(file: int) -> bool:
        """Whether this program may have the open file for itself until it closes it."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
