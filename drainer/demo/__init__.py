"""The demo: three VMs behind a balancer, rebooted one after another under live traffic."""

from importlib.util import find_spec

NEEDS = ("cryptography", "h11", "matplotlib", "rich", "starlette", "uvicorn")
"""What the extra `demo` brings: some of it is asked for only once the demo has run."""


def lacking() -> tuple[str, ...]:
    """Which of these are not installed."""
    return tuple(name for name in NEEDS if find_spec(name) is None)
