"""What the documentation tells people to type: it runs, or at least it exists."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from drainer.cli import main
from drainer.cli.entry import PASSED_ON, parser
from metadata_server.config import ClockKind
from metadata_server.testing import serve_in_thread, vms
from tests.sidecar import Sidecar
from tests.until import until

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("infra/**/README.md"),
        *ROOT.glob("policies/*.md"),
    ]
)


def blocks(page: Path, *languages: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [
        block
        for language in languages
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    ]


def commands(page: Path, program: str) -> Iterator[str]:
    """Lines of shell blocks that call this program, also after `&&`, without their comments."""
    for block in blocks(page, "sh", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            shown = re.sub(r"\s#.*$", "", line.removeprefix("$ ").removeprefix("sudo "))
            inner = re.findall(r"\$\(([^)]*)\)", shown)
            for part in re.split(r"&&|\|\||;|\|", "|".join([re.sub(r"\$\([^)]*\)", "X", shown), *inner])):
                if part.split()[:1] == [program]:
                    yield part.strip().removesuffix("&").strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_one(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parser knows the verb and each flag."""
    for command in commands(page, "drainer"):
        arguments = shlex.split(command)[1:]
        arguments = [each for each in arguments if each != "…" and not each.startswith((">", "2>"))]
        if not arguments or arguments[0] in PASSED_ON or arguments[0].isupper():
            continue
        assert accepted(arguments), f"{command}: {capsys.readouterr().err}"


def accepted(arguments: list[str]) -> bool:
    try:
        parser().parse_args(arguments)
    except SystemExit as ended:
        return ended.code == 0
    return True


MENTIONS = (
    *((page, r"(?:^    |`)drainer (.+?)(?:`|$)") for page in PAGES),
    (ROOT / "infra/terraform/demo/outputs.tf", r"(?:'|; |\")drainer (.+?)(?:'|\"|;)"),
    (ROOT / "infra/terraform/demo/gate", r"'drainer (.+?) \|"),
    (ROOT / "infra/packages/deb/prerm", r"(?:^ +|-- |if |; )drainer (.+?)(?: \|\||  |;| 2>|$)"),
    *((unit, r"/usr/bin/drainer (.+)$") for unit in sorted(ROOT.glob("infra/systemd/*.service"))),
    *((script, r"-m drainer (.+?)(?:'| }|$)") for script in sorted(ROOT.glob("infra/windows/*.ps1"))),
    (ROOT / "infra/monitoring/alerts.yaml", r"^ +description: \"drainer ([a-z]+) on"),
)


@pytest.mark.parametrize(
    ("page", "pattern"), MENTIONS, ids=[str(page.relative_to(ROOT)) for page, _ in MENTIONS]
)
def test_what_a_text_or_a_script_mentions_is_a_command(
    page: Path, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also within a sentence, where its arguments may be left out: the verb is one, and it has each flag."""
    text = page.read_text(encoding="utf-8")
    outside = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S) if page.suffix == ".md" else text
    mentioned = [line for line in re.findall(pattern, outside, re.M) if re.match("[a-z]", line)]
    assert mentioned or page.suffix == ".md", "nothing was found: the pattern is too old"
    for line in mentioned:
        verb = line.split()[0]
        assert accepted([verb, "--help"]), f"drainer {line}: {capsys.readouterr().err}"
        known = capsys.readouterr().out
        for flag in re.findall(r"--[a-z][a-z-]*", line) if verb not in PASSED_ON else ():
            assert flag in known, f"drainer {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_is_one(page: Path) -> None:
    """In the Makefile."""
    targets = set(
        re.findall(r"^([a-z][a-z-]*(?: [a-z-]+)*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    )
    known = {each for line in targets for each in line.split()}
    for command in commands(page, "make"):
        assert command.split()[1] in known, command


def recipes() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    return re.findall(r"^## (.+?)\n.*?^```yaml\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize(("title", "recipe"), recipes(), ids=[title for title, _ in recipes()])
def test_every_recipe_is_a_policy(
    title: str, recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is accepted, and warned of nothing that its text does not mean."""
    file = tmp_path / "policy.yaml"
    file.write_text(recipe, encoding="utf-8")
    assert main(["check", str(file)]) == 0, capsys.readouterr().err
    meant = "none of them drains" if title == "Only watch" else "cannot count the other members"
    for warning in capsys.readouterr().err.splitlines():
        assert meant in warning


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page of day 2 uses jq, which is not installed")
def test_the_page_of_day_two_runs(tmp_path: Path) -> None:
    """Every block, in its order, against a real daemon: each command ends as it should."""
    vm = f"vm-{uuid.uuid4()}"
    with serve_in_thread(vms(vm), clock=ClockKind.REAL) as emulator:
        sidecar = Sidecar(tmp_path, emulator.url(vm))
        sidecar.start()
        until(lambda: sidecar.socket.exists(), "the control socket")
        until(lambda: sidecar.status()["document"], "a document")
        event = emulator.control.give("schedule", type="Freeze", vms=[vm], in_="60m")["id"]
        until(lambda: sidecar.status()["notices"], "the notice")
        try:
            for block in blocks(ROOT / "docs" / "day2.md", "sh"):
                for line in filter(None, block.splitlines()):
                    ran = typed(line, sidecar)
                    assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
            assert event in sidecar.status()["wishes"]["skips"]
        finally:
            sidecar.close()


def typed(line: str, sidecar: Sidecar) -> subprocess.CompletedProcess[str]:
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DRAINER_SOCKET": str(sidecar.socket),
        "DRAINER_STATE": str(sidecar.state),
        "DRAINER_POLICY": str(sidecar.policy),
        "DRAINER_METADATA_URL": sidecar.metadata_url,
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
