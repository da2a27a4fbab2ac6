"""The demo: three VMs behind a balancer, rebooted one after another under live traffic."""

from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the demo; what it needs is imported only now."""
    from drainer.demo.main import main as performed

    return performed(argv)
