"""Which policy rules: the file's; the one accepted last where the file is wrong; and, while an episode is
open, the one it was opened under. Layers that took a VM out must be there to give it back.
"""

from __future__ import annotations

from dataclasses import replace

from drainer.core.episode import Episode
from drainer.core.policy import Policy
from drainer.errors import PolicyInvalid
from drainer.log import Log
from drainer.settings import Settings
from drainer.statedir import RaiseAlarm, StateDirectory
from drainer.stopped import EXIT_CONFIGURATION, Stopped
from drainer.wiring import Accepted, built_in, load_policy, parse_policy, tightened

ACCEPTED = "policy.accepted.yaml"


class Ruling:
    """`policy` rules now; `next` waits for the episode's end."""

    def __init__(
        self,
        settings: Settings,
        *,
        directory: StateDirectory,
        episode: Episode | None,
        log: Log,
        alarm: RaiseAlarm,
    ) -> None:
        """Raises Stopped (78) where there is no policy to run and nothing to give back."""
        self._settings = settings
        self._directory = directory
        self._log = log
        self._alarm = alarm
        self._next: Accepted | None = None
        self._accepted = self._choose(episode)

    @property
    def policy(self) -> Policy:
        return self._accepted.policy

    @property
    def is_postponed(self) -> bool:
        return self._next is not None

    def reload(self, episode: Episode | None) -> Policy | None:
        """Read the file again. None: it was refused; else what rules from now on.

        While an episode is open its rules and limits tighten at once, and `take_next` waits for its end.
        """
        try:
            self._next = self._named(self._accepted)
        except PolicyInvalid as error:
            self._refuse(error)
            return None
        if episode is not None:
            self._log.info("policy.postponed", reason="an episode is open; only its rules apply at once")
            return tightened(self._accepted.policy, self._next.policy)
        return self.take_next()

    def take_next(self) -> Policy:
        """What waited rules from now on."""
        if self._next is not None:
            self._accepted, self._next = self._next, None
            self._directory.write(ACCEPTED, self._accepted.text)
            self._log.info("policy.accepted", digest=self._accepted.policy.digest)
        return self._accepted.policy

    def _choose(self, episode: Episode | None) -> Accepted:
        kept = self._kept()
        try:
            named = self._named(kept)
        except PolicyInvalid as error:
            return self._fall_back(error, kept, open_episode=episode is not None)
        opened_under = _opened_under(episode, kept)
        if opened_under in ("", named.policy.digest):
            self._directory.write(ACCEPTED, named.text)
            return named
        if kept is None or kept.policy.digest != opened_under:
            self._alarm("policy-changed", "the policy of the open episode is gone; the file's is used")
            return named
        self._log.info("policy.postponed", reason="an episode is open; the new policy applies at its end")
        self._next = named
        return Accepted(policy=tightened(kept.policy, named.policy), text=kept.text)

    def _named(self, before: Accepted | None) -> Accepted:
        """The policy that the settings name. Raises PolicyInvalid, also where the file is gone and another
        policy ruled `before`: the built-in one may know nothing of this VM's layers."""
        another_ruled = before is not None and before.policy.digest != built_in().policy.digest
        return load_policy(replace(self._settings, policy_named=self._settings.policy_named or another_ruled))

    def _fall_back(self, error: PolicyInvalid, kept: Accepted | None, *, open_episode: bool) -> Accepted:
        self._refuse(error)
        if kept is None and not open_episode:
            raise Stopped(EXIT_CONFIGURATION) from error
        return kept or built_in()

    def _refuse(self, error: PolicyInvalid) -> None:
        for problem in error.problems:
            self._log.error("policy.refused", problem=str(problem))
        self._alarm("policy-refused", f"{error.problems[0]}; the last accepted policy is kept")

    def _kept(self) -> Accepted | None:
        text = self._directory.read(ACCEPTED)
        if text is None:
            return None
        try:
            return Accepted(policy=parse_policy(text, file=str(self._directory.path / ACCEPTED)), text=text)
        except PolicyInvalid:
            return None


def _opened_under(episode: Episode | None, kept: Accepted | None) -> str:
    """The digest of the policy whose layers may owe something. One that was adopted names none: it was
    the policy that ruled then, which is the one accepted last."""
    if episode is None:
        return ""
    return episode.policy or (kept.policy.digest if kept is not None else "")
