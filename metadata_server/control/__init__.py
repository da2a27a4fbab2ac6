"""The controller: whoever plays the platform gives it commands, over HTTP or from the command line.

It knows time and approvals, and never whether a VM is drained.
"""
