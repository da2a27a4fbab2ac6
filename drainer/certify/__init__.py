"""`drainer certify`: on a real subscription, measure what nobody outside the platform knows.

It takes this VM out of its real pool and puts it back, within a time, whatever happens. What it measured
goes into a file that the emulator reads as its switches.
"""

from drainer.certify.run import main

__all__ = ["main"]
