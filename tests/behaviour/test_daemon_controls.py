"""The daemon as an operator meets it: the shipped commands, told to a real process."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.contract.application import answering, free_port
from tests.sidecar import DRAINER, Sidecar, Stand, standing
from tests.until import until


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with standing(tmp_path / "vm") as made:
        yield made


def serving(stand: Stand) -> Sidecar:
    """Its daemon, started and in touch with its platform."""
    stand.sidecar.start()
    ticked(stand.sidecar)
    return stand.sidecar


def ticked(one: Sidecar) -> None:
    def readable() -> bool:
        document = one.status()["document"]
        return bool(document and document["readable"])

    one.until_said("daemon.started", times=one.starts)
    until(readable, "the daemon to read the document")


def out(stand: Stand) -> str:
    """Drained by an event that is acknowledged; its id."""
    event = stand.schedule()
    stand.sidecar.until_said("acknowledge.done")
    assert stand.sidecar.marker.exists()
    return event


def told(one: Sidecar, *words: str) -> None:
    """A verb that is granted."""
    ran = one.told(*words)
    assert ran.returncode == 0, ran.stderr


# --- drain ----------------------------------------------------------------------------------------


def test_drain_wait_ends_0_once_it_is_proven(stand: Stand) -> None:
    """`drain --wait && …` goes on only once the VM is out and nothing is in flight; restore puts it back."""
    one = serving(stand)
    drain = [sys.executable, "-m", "drainer", "drain", "--reason", "kernel update", "--wait"]
    script = f"{shlex.join([*drain, '--socket', str(one.socket)])} && test -e {one.marker} && echo rebooting"
    ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stdout) == (0, "rebooting\n"), ran.stderr
    assert ran.stderr.endswith("drained, and proven\n")
    assert one.status()["wishes"]["drain"] == {"reason": "kernel update", "until": None}
    told(one, "restore")
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_drain_wait_ends_1_where_it_cannot_be_proven(tmp_path: Path) -> None:
    """A probed route that answers 200 in spite of the marker proves nothing: exit 1, and why; still out."""
    with answering(lambda: 200) as address, standing(tmp_path, route=f"http://{address}/ready") as stand:
        one = serving(stand)
        ran = one.told("drain", "--reason", "kernel update", "--wait")
        assert ran.returncode == 1
        assert "not proven: " in ran.stderr
        assert one.marker.exists()


VERBS = {"membership": "show", "cordon": "cordon", "restore": "restore"}
SLOW = """\
#!/bin/sh
while [ -e {root}/slow ]; do sleep 0.05; done
case $1 in
  show) if [ -e {root}/drained ]; then at=out; elif [ -e {root}/out ]; then at=leaving; else at=in; fi
        echo '{{"entries": [{{"name": "web", "standing": "'$at'"}}]}}' ;;
  cordon) touch {root}/out ;;
  restore) rm {root}/out ;;
esac
"""


def test_drain_wait_outlasts_a_restart_whose_first_look_takes_long(tmp_path: Path) -> None:
    """Killed in the middle of a drain: until it has looked around, the next daemon tells what the journal
    knows, so that neither `drain --wait` nor an application takes the drain for ended."""
    balancer, said = tmp_path / "balancer", tmp_path / "said"
    balancer.write_text(SLOW.format(root=tmp_path), encoding="utf-8")
    balancer.chmod(0o755)
    verbs = ", ".join(f"{name}: [{balancer}, {verb}]" for name, verb in VERBS.items())
    with standing(tmp_path, backend=f"  - command: {{{verbs}, timeout: 30s}}") as stand:
        one = stand.sidecar
        one.change_policy("drain_timeout: 2s", "drain_timeout: 60s")
        serving(stand)
        command = [*DRAINER, "drain", "--reason", "kernel update", "--wait", "--socket", str(one.socket)]
        with said.open("wb") as err, subprocess.Popen(command, stderr=err) as waiting:
            until(lambda: "\ndraining: draining" in said.read_text(), "the drain to be waited for")
            (tmp_path / "slow").touch()
            one.kill()
            one.start()
            until(lambda: "\nstarting: " in said.read_text(), "the next daemon to be asked")
            status = one.status()
            assert (status["phase"], status["draining"]) == ("starting", True)
            assert status["wishes"]["drain"] == {"reason": "kernel update", "until": None}
            (tmp_path / "drained").touch()
            (tmp_path / "slow").unlink()
            assert waiting.wait(timeout=60) == 0, said.read_text()


def test_drain_until_ends_by_itself(stand: Stand) -> None:
    """A drain with an end is over then: the VM is given back without a further word."""
    one = serving(stand)
    told(one, "drain", "--reason", "a look inside", "--until", "3s")
    one.until_said("cordon.done")
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_a_drain_without_an_end_ends_at_the_next_boot(stand: Stand) -> None:
    """Killed while drained by an operator: the same boot keeps it out, the next one gives it back."""
    one = serving(stand)
    told(one, "drain", "--reason", "kernel update", "--wait")
    one.kill()
    one.start()
    ticked(one)
    assert one.status()["draining"] is True
    one.kill()
    one.boot_id.write_text("boot-2\n", encoding="ascii")
    one.start()
    one.until_said("episode.closed")
    assert not one.marker.exists()


# --- hold, force, skip, restore -------------------------------------------------------------------


def test_hold_blocks_the_cordon_across_a_kill_and_resume_ends_it(stand: Stand) -> None:
    """While held nothing is taken out, also by the next life of the daemon; `resume` lets it go on."""
    one = serving(stand)
    told(one, "hold", "--until", "1h")
    stand.schedule()
    until(lambda: one.status()["phase"] == "held", "the notice to be held")
    one.kill()
    one.start()
    ticked(one)
    until(lambda: one.status()["phase"] == "held", "the next life to hold")
    assert [gate["name"] for gate in one.status()["gates"]] == ["hold"]
    assert not one.marker.exists()
    assert one.steps() == []
    told(one, "resume")
    one.until_said("cordon.done")


def test_hold_keeps_out_what_is_out(stand: Stand) -> None:
    """Held while out, nothing is given back although the event is over; `resume` gives it back."""
    one = serving(stand)
    event = out(stand)
    told(one, "hold", "--until", "1h")
    stand.complete(event)
    until(lambda: one.status()["reason"] == "hold", "the restore to be held")
    assert one.marker.exists()
    told(one, "resume")
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_skip_gives_back_and_leaves_this_event_alone(stand: Stand) -> None:
    """A skipped event no longer keeps the VM out; another one drains it again."""
    one = serving(stand)
    event = out(stand)
    told(one, "skip", event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    shown = {notice["id"]: notice["does"] for notice in one.status()["notices"]}
    assert shown == {event: "skip"}
    stand.schedule()
    one.until_said("cordon.done", times=2)
    assert one.marker.exists()


def test_skip_of_an_unknown_event_names_those_there_are(stand: Stand) -> None:
    """An id with a slip in it is refused, beside the ids that are listed; nothing is recorded."""
    one = serving(stand)
    event = out(stand)
    ran = one.told("skip", f"{event[:-1]}X")
    assert ran.returncode == 1
    assert f"listed are {event}" in ran.stderr
    assert one.status()["wishes"]["skips"] == []


def test_restore_gives_back_while_the_event_is_still_listed(stand: Stand) -> None:
    """`restore` skips what is present: the VM is back at once and stays in until the event is gone."""
    one = serving(stand)
    event = out(stand)
    told(one, "restore")
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert stand.document() == {event: "Started"}
    assert one.status()["wishes"]["skips"] == [event]
    stand.complete(event)
    until(lambda: one.status()["wishes"]["skips"] == [], "the skip to end with its event")
    assert one.steps() == ["cordon", "acknowledge", "restore"]


def test_restore_while_the_service_is_away(stand: Stand) -> None:
    """`restore` needs no document: blind, the VM is given back all the same."""
    one = serving(stand)
    out(stand)
    stand.platform.control.give("fault", vm=stand.vm, kind="reset")
    until(lambda: one.status()["phase"] == "blind", "the daemon to be blind")
    assert one.marker.exists(), "blind changes nothing"
    told(one, "restore")
    until(lambda: not one.marker.exists(), "the VM to be back")


# --- with the daemon dead -------------------------------------------------------------------------


def test_restore_offline_gives_back_with_the_daemon_dead(stand: Stand) -> None:
    """`restore --offline` removes what was taken and closes the episode; the next life skips the event."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    ran = one.told("restore", "--offline", "--policy", str(one.policy))
    assert ran.returncode == 0, ran.stderr
    assert "given back: health-probe" in ran.stdout
    assert not one.marker.exists()
    one.start()
    ticked(one)
    assert one.status()["wishes"]["skips"] == [event]
    assert stand.document() == {event: "Started"}
    assert not one.marker.exists()
    assert one.steps() == ["cordon", "acknowledge"], "nothing is done twice"


def test_a_hold_is_ended_with_the_daemon_dead(stand: Stand) -> None:
    """Held, `restore --offline` gives nothing back and names the way on, which is `resume --offline`."""
    one = serving(stand)
    event = out(stand)
    told(one, "hold", "--until", "1h")
    assert one.told("resume", "--offline").returncode == 75, "a daemon lives"
    one.kill()
    ran = one.told("restore", "--offline", "--policy", str(one.policy))
    assert ran.returncode == 1
    assert "drainer resume --offline" in ran.stderr
    assert one.marker.exists()
    assert one.told("resume", "--offline").returncode == 0
    ran = one.told("restore", "--offline", "--policy", str(one.policy))
    assert ran.returncode == 0, ran.stderr
    assert not one.marker.exists()
    one.start()
    ticked(one)
    assert one.status()["wishes"]["skips"] == [event]
    assert one.status()["wishes"]["hold_until"] is None


def test_restore_offline_leaves_a_living_daemon_its_work(stand: Stand) -> None:
    """With the daemon alive `restore --offline` touches nothing and says whom to ask."""
    one = serving(stand)
    out(stand)
    ran = one.told("restore", "--offline", "--policy", str(one.policy))
    assert ran.returncode == 75
    assert "held by another drainer" in ran.stderr
    assert one.marker.exists()


def test_restore_offline_with_nothing_open_says_so(stand: Stand) -> None:
    """No journal, no episode: exit 0, and nothing is touched."""
    stand.sidecar.state.mkdir()
    stand.sidecar.marker.touch()
    ran = stand.sidecar.told("restore", "--offline", "--policy", str(stand.sidecar.policy))
    assert ran.returncode == 0
    assert "nothing to give back" in ran.stderr
    assert stand.sidecar.marker.exists(), "a marker that is not ours stays"


def test_status_ends_0_3_and_4(stand: Stand) -> None:
    """`status`: 0 while all is well, 3 under an alarm, 4 without a daemon, then told from the journal."""
    one = serving(stand)
    assert one.told("status").returncode == 0
    good = one.policy.read_text(encoding="utf-8")
    one.policy.write_text("version: 1\nrulez: []\n", encoding="utf-8")
    one.hang_up()
    one.until_alarmed("policy-refused")
    ran = one.told("status")
    assert (ran.returncode, "the last accepted policy is kept" in ran.stdout) == (3, True)
    one.policy.write_text(good, encoding="utf-8")
    one.hang_up()
    one.until_said("alarm.cleared")
    event = out(stand)
    one.kill()
    ran = one.told("status", "--json")
    assert ran.returncode == 4
    shown = json.loads(ran.stdout)
    assert (shown["daemon"], shown["draining"], shown["vm"]) == (False, True, stand.vm)
    assert shown["episode"]["acknowledged"] == [event]
    assert "daemon not running" in ran.stderr


def test_history_tells_the_episode_in_order_with_the_daemon_alive_and_dead(stand: Stand) -> None:
    """`history --json` is the same from the daemon and from the journal: every record, in order."""
    one = serving(stand)
    event = out(stand)
    one.until_said("terms.noted")  # it is Started now
    told(one, "skip", event)
    one.until_said("episode.closed")
    living = one.told("history", "--json")
    assert (living.returncode, living.stderr) == (0, "")
    (episode,) = json.loads(living.stdout)["episodes"]
    assert episode["notices"] == [{"id": event, "type": "Reboot", "source": "Platform"}]
    assert episode["closed"]
    named = [told["event"] for told in episode["events"]]
    assert named == [
        "episode.opened",
        "cordon.intended",
        "cordon.done",
        "cordoned-at.noted",
        "acknowledge.intended",
        "acknowledge.done",
        "terms.noted",
        "wish.recorded",
        "quiet-since.noted",
        "restore.intended",
        "restore.done",
        "episode.closed",
    ]
    assert episode["events"][1]["undo"] == [f"rm -f {one.marker}"]
    one.kill()
    assert json.loads(one.told("history", "--json").stdout) == json.loads(living.stdout)


def rebuilt(stand: Stand) -> str:
    """Out, dead, the journal deleted, and rebuilt from the marker by the next life; the event's id."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    (one.state / "journal.jsonl").unlink()
    one.start()
    one.until_said("journal.rebuilt")
    return event


def test_a_lost_journal_is_rebuilt_from_the_marker(stand: Stand) -> None:
    """Out, and the journal deleted: the marker says whose it is, and the next life gives back."""
    one, event = stand.sidecar, rebuilt(stand)
    assert one.marker.exists(), "a notice is still there"
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_a_journal_that_was_lost_but_for_its_end_is_rebuilt_from_the_marker(stand: Stand) -> None:
    """Of the journal of a dead daemon a wish alone is left, which knows of no episode: the marker still
    brings the VM back."""
    one = serving(stand)
    event = out(stand)
    told(one, "hold", "--until", "1s")
    one.kill()
    journal = one.state / "journal.jsonl"
    wish = [line for line in journal.read_text(encoding="utf-8").splitlines() if '"wished"' in line][-1]
    journal.write_text(f"{wish}\n", encoding="utf-8")
    one.start()
    one.until_said("journal.rebuilt")
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_what_was_adopted_is_given_back_though_the_policy_changed(stand: Stand) -> None:
    """Rebuilt from the marker, then dead, and the policy names another marker: the one that ruled when the VM
    was claimed rules until it is given back."""
    one, event = stand.sidecar, rebuilt(stand)
    one.kill()
    one.change_policy(str(one.marker), str(one.root / "elsewhere"))
    one.start()
    one.until_said("policy.postponed")
    stand.complete(event)
    one.until_said("episode.closed")
    assert not one.marker.exists()
    one.until_said("policy.accepted")


def test_adopt_gives_back_what_bears_no_mark_of_ours(stand: Stand) -> None:
    """Out, the journal deleted and the marker written anew by somebody: it stays until `adopt` claims it."""
    one = serving(stand)
    event = out(stand)
    one.kill()
    (one.state / "journal.jsonl").unlink()
    one.marker.write_text("by hand\n", encoding="utf-8")
    stand.complete(event)
    one.start()
    ticked(one)
    assert one.status()["phase"] == "steady"
    assert one.marker.exists(), "without a record nothing is ours"
    told(one, "adopt")
    one.until_said("episode.closed")
    assert not one.marker.exists()


# --- hooks ----------------------------------------------------------------------------------------

STAGES = ("before-cordon", "cordoned", "drained", "before-restore", "restored")

HOOK = """\
#!/bin/sh
cd {folder} || exit 1
echo "$DRAINER_STAGE" >> stages
env | grep -v '^PWD=\\|^OLDPWD=\\|^SHLVL=\\|^_=' > "env.$DRAINER_STAGE"
test -e "says.$DRAINER_STAGE" && cat "says.$DRAINER_STAGE"
test -e "code.$DRAINER_STAGE" && exit "$(cat "code.$DRAINER_STAGE")"
exit 0
"""


class Hooks:
    """One program for all five stages, which writes down each call and answers as told."""

    def __init__(self, one: Sidecar) -> None:
        self.folder = one.root / "hooks"
        self.folder.mkdir()
        program = self.folder / "hook"
        program.write_text(HOOK.format(folder=self.folder), encoding="utf-8")
        program.chmod(0o755)
        lines = [f'  - {{stage: {stage}, command: ["{program}"], timeout: 10s}}\n' for stage in STAGES]
        one.add_policy("hooks:\n" + "".join(lines))

    def answer(self, stage: str, code: int, *, says: str = "") -> None:
        (self.folder / f"says.{stage}").write_text(f"{says}\n", encoding="utf-8")
        (self.folder / f"code.{stage}").write_text(f"{code}\n", encoding="utf-8")

    def called(self) -> list[str]:
        stages = self.folder / "stages"
        return stages.read_text(encoding="utf-8").split() if stages.exists() else []

    def environment(self, stage: str) -> dict[str, str]:
        lines = (self.folder / f"env.{stage}").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def hooks(stand: Stand) -> Hooks:
    return Hooks(stand.sidecar)


def test_hooks_run_at_all_five_stages_in_order(stand: Stand, hooks: Hooks) -> None:
    """Each stage's hook runs once, in order, with the documented environment and nothing of the daemon's."""
    one = stand.sidecar
    one.start(environment={"A_SECRET": "of the daemon"})
    event = out(stand)
    stand.complete(event)
    one.until_said("episode.closed")
    assert hooks.called() == list(STAGES)
    for stage in STAGES:
        told = hooks.environment(stage)
        expected = {
            "DRAINER_STAGE": stage,
            "DRAINER_VM": stand.vm,
            "DRAINER_EVENT_IDS": event,
            "DRAINER_EVENT_TYPES": "Reboot",
            "DRAINER_DRY_RUN": "0",
        }
        assert expected.items() <= told.items(), stage
        assert told["DRAINER_EPISODE"]
        assert told.keys() - {"PATH", "LANG"} == {*expected, "DRAINER_EPISODE", "DRAINER_NOT_BEFORE"}
    assert [line["ending"] for line in one.said() if line["event"] == "hook.ran"] == ["exited 0"] * 5


def test_abort_before_the_cordon_leaves_the_notice_alone(stand: Stand, hooks: Hooks) -> None:
    """An abort before the cordon counts as a skip: nothing is taken out, nothing acknowledged."""
    hooks.answer("before-cordon", 20, says="a migration is running")
    one = serving(stand)
    event = stand.schedule()
    one.until_said("hook.abort")
    one.until_said("episode.closed")
    assert not one.marker.exists()
    assert stand.document() == {event: "Scheduled"}
    assert [notice["does"] for notice in one.status()["notices"]] == ["skip"]
    assert "a migration is running" in json.dumps(one.said())


def test_wait_before_the_cordon_is_asked_again(stand: Stand, hooks: Hooks) -> None:
    """`wait for=1s` holds the cordon back and is asked again, until the hook says go."""
    hooks.answer("before-cordon", 10, says="for=1s")
    one = serving(stand)
    stand.schedule()
    one.until_said("hook.wait", times=2)
    assert not one.marker.exists()
    hooks.answer("before-cordon", 0)
    one.until_said("acknowledge.done")
    assert one.marker.exists()


def test_force_no_longer_waits_for_a_hook(stand: Stand, hooks: Hooks) -> None:
    """A hook that says wait for an hour holds the cordon back until an operator says `force`."""
    hooks.answer("before-cordon", 10, says="for=1h")
    one = serving(stand)
    stand.schedule()
    one.until_said("hook.wait")
    until(lambda: one.status()["gates"], "the hook's gate")
    assert not one.marker.exists()
    told(one, "force")
    one.until_said("cordon.done")
    assert one.marker.exists()


def test_abort_before_the_restore_stays_out_until_resume(stand: Stand, hooks: Hooks) -> None:
    """An abort before giving back keeps the VM out, across a kill, until `resume`."""
    hooks.answer("before-restore", 20, says="the cache is cold")
    one = serving(stand)
    stand.complete(out(stand))
    one.until_said("hook.abort")
    one.kill()
    one.start()
    ticked(one)
    until(lambda: one.status()["reason"] == "aborted by hook", "the next life to stay out")
    assert one.marker.exists()
    hooks.answer("before-restore", 0)
    told(one, "resume")
    one.until_said("episode.closed")
    assert not one.marker.exists()


def test_abort_when_drained_is_not_acknowledged(stand: Stand, hooks: Hooks) -> None:
    """An abort at drained: out, but the platform is not told to start before its time."""
    hooks.answer("drained", 20, says="the queue is not empty")
    one = serving(stand)
    event = stand.schedule()
    one.until_said("hook.abort")
    until(lambda: one.status()["reason"] == "notice pending", "the wait for the event")
    assert one.marker.exists()
    assert stand.document() == {event: "Scheduled"}
    assert "acknowledge" not in one.steps()


# --- the local endpoint ---------------------------------------------------------------------------


def test_the_local_endpoint_tells_an_application_that_it_is_draining(stand: Stand) -> None:
    """/healthz, /metrics and /status answer on a live daemon; `draining` is true exactly while out."""
    one = stand.sidecar
    address = f"127.0.0.1:{free_port()}"
    one.start("--local", address)
    http = requests.Session()
    http.trust_env = False

    def answers() -> bool:
        try:
            return http.get(f"http://{address}/healthz", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def status() -> dict[str, Any]:
        shown: dict[str, Any] = http.get(f"http://{address}/status", timeout=5).json()
        return shown

    def metrics() -> list[str]:
        return http.get(f"http://{address}/metrics", timeout=5).text.splitlines()

    with http:
        until(answers, "/healthz")
        until(lambda: status()["document"]["readable"], "the document")
        assert (status()["draining"], "drainer_draining 0" in metrics()) == (False, True)
        event = out(stand)
        until(lambda: status()["draining"], "draining")
        until(lambda: "drainer_acknowledgements_total 1" in metrics(), "the counter")
        assert "drainer_draining 1" in metrics()
        assert status().keys() == one.status().keys()
        stand.complete(event)
        one.until_said("episode.closed")
        until(lambda: not status()["draining"], "draining to end")
        assert http.post(f"http://{address}/status", timeout=5).status_code == 405
