"""Where the single file starts: says where it was not made for, then is the command `drainer`.

An older Python 3 must be able to read this file: it is what tells that it is too old.
"""

import sys

MADE_FOR = {"debian 12": (3, 11), "debian 13": (3, 13), "ubuntu 24.04": (3, 12)}


def system() -> str:
    """ID and VERSION_ID of os-release(5), such as "debian 12"."""
    stated = {}
    try:
        with open("/etc/os-release", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                stated[name] = value.strip("\"'")
    except (OSError, ValueError):
        return sys.platform
    return f"{stated.get('ID', '?')} {stated.get('VERSION_ID', '?')}"


def main() -> int:
    """Refuses a Python that cannot run it; on a system that nobody tried, says so and goes on."""
    found = tuple(sys.version_info)[:2]
    python = f"Python {found[0]}.{found[1]}"
    if found < (3, 11):
        sys.stderr.write(f"drainer: this is {python}; it needs 3.11 or newer\n")
        return 1
    here = system()
    if MADE_FOR.get(here) != found:
        sys.stderr.write(
            "drainer: this single file is made for the Python of Debian 12, Debian 13 and Ubuntu 24.04; this "
            f"is {here} with {python}, where nobody has tried it\n"
        )
    from drainer.cli import main as drainer

    return drainer()


sys.exit(main())
