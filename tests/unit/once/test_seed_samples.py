"""The samples of 2015 beside the corrected ones: run in both states, with the same documents."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from drainer.core.model import Unreadable
from drainer.sources.legacy_documents import parse_instance_info
from tests.wire.sources.raw_peer import Script, answer, by_path, listening, saying

ROOT = Path(__file__).parents[3]
SEED = ROOT / "tests" / "golden" / "seed"
SAMPLES = ROOT / "policies" / "samples"

IDLE = (SEED / "idle.txt").read_bytes()
ABOUT = (SEED / "about-to-reboot.txt").read_bytes()
A_NAME = b'{"ID":"reboot-test","UD":"0","FD":"0"}'

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="the sample of 2015 is for bash")
needs_awk = pytest.mark.skipif(shutil.which("awk") is None, reason="the corrected sample needs awk")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the sample is run with the real curl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    logged: str
    said: str


def run(shell: str, sample: Path, tmp_path: Path, *, document: bytes | None = None, url: str = "") -> Ran:
    """Run a sample with a `logger` that writes to a file and, given a document, a `curl` that prints it."""
    tools, log, served = (tmp_path / name for name in ("bin", "log", "document"))
    tools.mkdir(exist_ok=True)
    log.write_text("")
    stubs = {"logger": '#!/bin/sh\necho "$*" >>"$LOG"\n'}
    if document is not None:
        served.write_bytes(document)
        stubs["curl"] = '#!/bin/sh\ncat "$DOCUMENT"\n'
    for name, text in stubs.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environ = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "LOG": str(log),
        "DOCUMENT": str(served),
        "METADATA_URL": url or "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [shell, str(sample)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return Ran(code=done.returncode, logged=log.read_text().strip(), said=done.stderr)


def of_2015(tmp_path: Path, document: bytes) -> Ran:
    return run("bash", SEED / "IsVmInMaint.sh", tmp_path, document=document)


def corrected(tmp_path: Path, document: bytes) -> Ran:
    return run("sh", SAMPLES / "IsVmInMaint.sh", tmp_path, document=document)


@needs_bash
@pytest.mark.parametrize("document", [ABOUT, IDLE, A_NAME, b"", b"<html>"])
def test_the_sample_of_2015_always_alarms(tmp_path: Path, document: bytes) -> None:
    """`[ -n $result ]` is true without a result: it logs a reboot in either state, and with no answer."""
    assert of_2015(tmp_path, document).logged == "Incoming VM reboot"


@needs_awk
def test_the_corrected_sample_alarms_when_a_reboot_is_pending(tmp_path: Path) -> None:
    """With the printed document of a pending reboot it logs one, once, and exits 10."""
    ran = corrected(tmp_path, ABOUT)
    assert ran == Ran(
        code=10,
        logged="-t IsVmInMaint -p daemon.warning Incoming VM reboot, within five minutes",
        said="",
    )


@needs_awk
@pytest.mark.parametrize("document", [IDLE, A_NAME, b'{"ID":"vm1","UD":"0","FD":"0"}\r\n'])
def test_the_corrected_sample_is_silent_otherwise(tmp_path: Path, document: bytes) -> None:
    """With nothing pending, the printed document included, it logs nothing and exits 0."""
    assert corrected(tmp_path, document) == Ran(code=0, logged="", said="")


@needs_awk
@pytest.mark.parametrize("document", [b"", b"<html>Reboot</html>", ABOUT[:-4], b"Reboot", b"{}"])
def test_the_corrected_sample_says_when_it_could_not_read(tmp_path: Path, document: bytes) -> None:
    """What is no document is neither a reboot nor its absence: 75, on stderr alone."""
    ran = corrected(tmp_path, document)
    assert (ran.code, ran.logged) == (75, "")
    assert "says nothing about a pending reboot" in ran.said


@needs_awk
@pytest.mark.parametrize(
    "document",
    [
        '{"ID":"_azdev","UD":"0","FD":"99"}',
        '{"ID":"vm1","Reboot":""}',
        '{"ID":"vm1","Reboot":null}',
        '{"ID":"vm1","reboot":{"at":[1,"}"]},"UD":"0"}',
        '{"ID":"vm1","Reboot":false}',
        '{ "Reboot" , "ID" : "vm1" }',
        "{“ID”:”vm1”,“Reboot”}",
        '{"ID":"vm1","LastReboot":"9\\/15\\/2015"}',
        '{"ID":"vm1","Note":{"Reboot":true}}',
        '{"ID":"vm1","Note":["Reboot"]}',
        '{"ID":"a\\",\\"Reboot\\":\\"","UD":"0"}',
        '{"ID":"vm “Reboot” 1","UD":"0"}',
        '{"ID":"vm1","Reboot"',
        '{"ID":"vm1","Reboot",}',
        '{"ID":"vm1","Reboot"} x',
        '{"ID":"vm1","Rebooting"}',
        '{"ID"}',
    ],
)
def test_the_corrected_sample_reads_as_drainer_does(tmp_path: Path, document: str) -> None:
    """The shell and drainer come to the same verdict on every document."""
    read = parse_instance_info(document.encode())
    expected = 75 if isinstance(read, Unreadable) else 10 if read.events else 0
    assert expected == corrected(tmp_path, document.encode()).code


@needs_awk
@needs_curl
@pytest.mark.parametrize(
    ("script", "code"),
    [
        (by_path({"/metadata/v1/InstanceInfo": [answer(ABOUT)]}), 10),
        (by_path({"/metadata/v1/InstanceInfo": [answer(IDLE)]}), 0),
        (saying(answer(ABOUT, status="500 Internal Server Error")), 75),
        (saying(answer(status="302 Found", Location="/metadata/v1/InstanceInfo")), 75),
    ],
    ids=["pending", "nothing", "error-page", "redirect"],
)
def test_the_corrected_sample_over_the_wire(tmp_path: Path, script: Script, code: int) -> None:
    """With the real curl: direct whatever proxy is set, with the header, no redirect, no error page."""
    with listening(script) as served:
        ran = run("sh", SAMPLES / "IsVmInMaint.sh", tmp_path, url=served.base_url)
    assert (ran.code, ran.logged != "") == (code, code == 10)
    assert [request.headers["metadata"] for request in served.heard] == ["true"]


@needs_awk
@needs_curl
def test_the_corrected_sample_without_a_service(tmp_path: Path) -> None:
    """Where nothing answers it exits 75 and logs nothing."""
    ran = run("sh", SAMPLES / "IsVmInMaint.sh", tmp_path)
    assert (ran.code, ran.logged) == (75, "")


def test_the_powershell_sample_by_its_text() -> None:
    """It cannot be run here: its text is plain ASCII, goes direct, has time limits; its brackets close."""
    text = (SAMPLES / "IsVmInMaint.ps1").read_bytes().decode("ascii")
    assert "$request.Proxy = $null" in text
    assert "$request.Timeout = 10000" in text
    assert "$request.AllowAutoRedirect = $false" in text
    assert "findstr" not in text
    code = re.sub(r"^#.*$|'[^']*'", "", text, flags=re.MULTILINE)
    for opening, closing in ("()", "{}", "[]"):
        assert code.count(opening) == code.count(closing)


def member_pattern() -> str:
    """The pattern of one member, put together from the PowerShell sample's own pieces."""
    script = (SAMPLES / "IsVmInMaint.ps1").read_text(encoding="ascii")
    known = {"curly": "“”"}
    for name in ("text", "nested", "member"):
        (assigned,) = re.findall(rf"^    \${name} = (.*)$", script, re.MULTILINE)
        pieces = re.findall(r"'([^']*)'|\$(\w+)", assigned)
        known[name] = "".join(literal or known[variable] for literal, variable in pieces)
    return known["member"].replace("(?<name>", "(?P<name>").replace("(?<value>", "(?P<value>")


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (IDLE.decode(), ["ID", "UD", "FD"]),
        (ABOUT.decode(), ["ID", "UD", "FD", "Reboot"]),
        (
            '{"ID":"a\\",\\"Reboot\\":\\"","Note":{"Reboot":"}"},"n":[1,"]"],"x":-1.5}',
            ["ID", "Note", "n", "x"],
        ),
        ('{"ID":"vm “Reboot” 1","Reboot":false}', ["ID", "Reboot"]),
        ('{"ID":"vm1","Reboot"', None),
        ('{"ID":"vm1","Reboot",}', None),
        ("<html>Reboot</html>", None),
    ],
)
def test_the_powershell_sample_by_its_patterns(document: str, names: list[str] | None) -> None:
    """Its patterns, put together from its text, find the members, and refuse what is no document."""
    member = member_pattern()
    anonymous = member.replace("?P<name>", "?:").replace("?P<value>", "?:")
    whole = re.fullmatch(rf"\s*\{{(?:{anonymous},)*{anonymous}\}}\s*", document)
    assert (whole is not None) == (names is not None)
    if names is not None:
        inside = document.strip()[1:-1]
        found = [match["name"][1:-1] for match in re.finditer(rf"{member}(?:,|$)", inside)]
        assert names == found


def test_the_readme_shows_the_sample_of_2015() -> None:
    """The page shows the very text that the test above runs."""
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    assert (SEED / "IsVmInMaint.sh").read_text(encoding="utf-8").strip() in readme
    for document in (IDLE, ABOUT, A_NAME):
        assert document.decode().strip() in readme
