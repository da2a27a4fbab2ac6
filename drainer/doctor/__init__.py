"""`drainer doctor`: would a drain work here, and could this VM come back? Asked before any notice comes.

It changes nothing but one unchanged write of what is this VM's own, and one that must be refused.
"""

from drainer.doctor.run import main, roles

__all__ = ["main", "roles"]
