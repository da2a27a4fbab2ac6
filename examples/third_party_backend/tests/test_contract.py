"""The nginx upstream file keeps drainer's backend contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from nginx_upstream import NginxUpstream, Options, build

from drainer.testing import BackendContract, Stand, surroundings

OURS, OTHER = "10.0.0.4:80", "10.0.0.5:80"


class FileStand(Stand):
    entries = (OURS,)

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._file = directory / "upstream.conf"
        self._file.write_text(f"upstream web {{\n    server {OURS} weight=2;\n    server {OTHER};\n}}\n")

    def connect(self) -> NginxUpstream:
        options = Options(file=str(self._file), server=OURS, reload=("true",))
        return build(options, surroundings(self.clock))

    def take_out(self, entry: str) -> None:
        self._edit(f"server {entry} weight=2;", f"server {entry} weight=2 down;")

    def put_in(self, entry: str) -> None:
        self._edit(" down;", ";")

    def remove(self, entry: str) -> None:
        self._edit(f"    server {entry} weight=2;\n", "")

    def others(self) -> object:
        return [line for line in self._file.read_text().splitlines() if OURS not in line]

    def sever(self) -> None:
        self._file.unlink()

    def _edit(self, old: str, new: str) -> None:
        self._file.write_text(self._file.read_text().replace(old, new))


class TestNginxUpstream(BackendContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> Stand:
        return FileStand(tmp_path)
