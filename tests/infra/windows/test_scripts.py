"""The scripts for Windows, as text: nothing here can run them."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

import pytest

from drainer.cli import main
from drainer.machine import Crt, windows

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "infra" / "windows").glob("*.ps1"))
DATA = windows({"ProgramData": r"C:\ProgramData"}, Crt(lock=lambda opened: None, waiting=lambda opened: 0))


def test_both_scripts_are_here() -> None:
    """One that installs, one that removes."""
    assert [script.stem for script in SCRIPTS] == ["Install-Drainer", "Uninstall-Drainer"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_windows_powershell_reads_it(script: Path) -> None:
    """Plain ASCII, since 5.1 takes anything else for the machine's code page; brackets in pairs; strict."""
    text = script.read_bytes().decode("ascii")
    code = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", text)
    for opening, closing in ("()", "[]", "{}"):
        assert code.count(opening) == code.count(closing)
    assert "Set-StrictMode -Version 2" in text
    assert "$ErrorActionPreference = 'Stop'" in text


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_verb_that_it_calls_exists(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the flags that it gives it."""
    called = re.findall(r"-m drainer ([a-z]+)((?: --[a-z-]+)*)", script.read_text(encoding="ascii"))
    assert called
    monkeypatch.setenv("COLUMNS", "200")
    for verb, flags in called:
        assert main([verb, "--help"]) == 0
        said = capsys.readouterr().out
        for flag in flags.split():
            assert flag in said


def test_the_places_are_those_of_the_daemon() -> None:
    """What the installer makes is where the daemon looks."""
    text = SCRIPTS[0].read_text(encoding="ascii")
    assert '$Root = "$env:ProgramData\\drainer"' in text
    assert '"$Root\\policy.yaml"' in text
    assert '"$Root\\state"' in text
    for place, name in ((DATA.policy, "policy.yaml"), (DATA.state, "state")):
        assert PureWindowsPath(str(place)) == PureWindowsPath(r"C:\ProgramData\drainer") / name


def test_an_upgrade_replaces_nothing_that_runs() -> None:
    """The service is stopped before any file of its program is, and started again whatever came of it."""
    text = SCRIPTS[0].read_text(encoding="ascii")
    steps = (
        "Stop-Service -Name drainer",
        "\n    Install-Program\n",
        "} finally {",
        "if ($Ran) { Start-Service",
    )
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "--force-reinstall --no-deps" in text, "a rebuilt wheel of the same version is installed too"


def test_nothing_is_stopped_before_it_is_sure_that_it_can_be_given_back() -> None:
    """The program is looked for, the service stopped, the VM given back, and only then anything removed."""
    text = SCRIPTS[1].read_text(encoding="ascii")
    steps = ("Test-Path -LiteralPath $Inside", "Stop-Service", "restore --offline", "drainer.service remove")
    places = [text.index(step) for step in (*steps, "Remove-Item -Recurse")]
    assert places == sorted(places)
    assert text.index("Stop-ScheduledTask") < text.index("Unregister-ScheduledTask")


def test_the_shipped_policy_is_sound(tmp_path: Path) -> None:
    """But for its marker, which is a path of Windows, inside the folder that web servers may read."""
    text = (ROOT / "infra" / "windows" / "policy.yaml").read_text(encoding="utf-8")
    marker = re.search(r"marker: (\S+)", text)
    assert marker is not None
    assert PureWindowsPath(marker[1]).is_absolute()
    assert PureWindowsPath(marker[1]).parent == PureWindowsPath(r"C:\ProgramData\drainer\marker")
    here = tmp_path / "policy.yaml"
    here.write_text(text.replace(marker[1], str(tmp_path / "draining")), encoding="utf-8")
    assert main(["check", str(here)]) == 0
