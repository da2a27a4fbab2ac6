"""Policy files: YAML in, an accepted `Policy` or every problem with its line out.

The only package that knows YAML. Which backends exist is told to it, never looked up.
"""

from drainer.policyfile.effective import effective
from drainer.policyfile.load import load, load_file

__all__ = ["effective", "load", "load_file"]
