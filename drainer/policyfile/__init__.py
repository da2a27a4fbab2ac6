"""Policy files: YAML in, an accepted `Policy` or every problem with its line out.

The only package that knows YAML. Which backends exist is told to it, never looked up. The daemon needs only
what stands here; `check`, `schema` and `builtin` are modules of their own.
"""

from drainer.policyfile.advice import warnings
from drainer.policyfile.effective import effective
from drainer.policyfile.load import load, load_file

__all__ = ["effective", "load", "load_file", "warnings"]
