"""A cloud that forgets tokens: what is signed with temporary keys is tested against it."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.stub import Answer, Asked, StubServer, key_document

JOB = {"TrainingJobId": "train1", "Status": "Running", "WorkspaceId": "12345"}
OSS_EXPIRED = "<Error><Code>SecurityTokenExpired</Code><Message>it is over</Message></Error>"


class Cloud:
    """A key service, PAI and OSS in one, where one token at a time is good.

    Attributes:
        good: number of the token that is good now.
        handed_out: how many key pairs were.
        status: the job's.
        ends_after: after so many looks at the job it ends, and its watcher's token with it; None for never.
        rotated: called when that happens.
        keys_fail: so many requests for keys fail first.
    """

    def __init__(self) -> None:
        self.good = 1
        self.handed_out = 0
        self.status = "Running"
        self.ends_after: int | None = None
        self.rotated: Callable[[], None] = lambda: None
        self.keys_fail = 0

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/keys":
            return self._keys()
        if asked.path.startswith("/api/"):
            return self._pai(asked)
        return (200, "") if asked.headers.get("x-oss-security-token") == self.token else (403, OSS_EXPIRED)

    @property
    def token(self) -> str:
        return f"token-{self.good}"

    def _keys(self) -> Answer:
        if self.keys_fail:
            self.keys_fail -= 1
            return 503, ""
        self.handed_out += 1
        return 200, key_document(self.token)

    def _pai(self, asked: Asked) -> Answer:
        if self.ends_after == 0:
            self.good, self.ends_after, self.status = self.good + 1, None, "Succeed"
            self.rotated()
        if asked.headers.get("x-acs-security-token") != self.token:
            return 400, {"Code": "InvalidSecurityToken.Expired", "Message": "Specified SecurityToken is expired."}
        if self.ends_after:
            self.ends_after -= 1
        return 200, {**JOB, "Status": self.status}


def tokens(server: StubServer, header: str = "x-acs-security-token") -> list[str]:
    return [each.headers[header] for each in server.asked if each.path != "/keys"]
