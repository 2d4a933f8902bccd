"""A call: one operation, task or endpoint request at work, and all that it may ask of the platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from freehold.kernel import authorize, chance, tasks
from freehold.kernel.principal import Principal
from freehold.kernel.service import Access
from freehold.kv import Transaction
from freehold.kv.keys import Scope

if TYPE_CHECKING:
    from freehold.kernel.node import Node

T = TypeVar("T")


class Call:
    """Where, who, when, and the ways on.

    node         the running node: its blobs, clock, settings
    service      the service's name; operation: the operation's, task's or endpoint's
    account, region, scope    where it works; `scope` has region "" in a service that has none
    principal    who asks
    now          seconds since 1970, the same throughout the call
    request_id   the caller sees it, and the logs have it
    tx           the open transaction; only in plain functions, else an AssertionError
    attempt      for a task: which try this is, from 1
    """

    __slots__ = (
        "_tx",
        "account",
        "attempt",
        "endpoint_url",
        "http_method",
        "node",
        "now",
        "operation",
        "origin",
        "principal",
        "region",
        "request_id",
        "secure",
        "service",
        "source_account",
        "source_arn",
        "source_ip",
        "user_agent",
        "via",
    )

    def __init__(
        self,
        node: Node,
        service: str,
        operation: str,
        account: str,
        region: str,
        principal: Principal,
        now: float,
        request_id: str,
    ) -> None:
        self.node = node
        self.service = service
        self.operation = operation
        self.account = account
        self.region = region
        self.principal = principal
        self.now = now
        self.request_id = request_id
        self._tx: Transaction | None = None
        self.attempt = 1
        self.endpoint_url = node.settings.endpoint_url
        self.secure = False
        self.source_ip: str | None = None
        self.user_agent = ""
        # Of a request from a browser: its Origin header, and the method, for CORS.
        self.origin: str | None = None
        self.http_method = "POST"
        self.source_arn: str | None = None
        self.source_account: str | None = None
        # The service that makes this call for its principal (aws:CalledVia), or "".
        self.via = ""

    @property
    def tx(self) -> Transaction:
        assert self._tx is not None, "no transaction is open: use call.read or call.write"
        return self._tx

    @property
    def scope(self) -> Scope:
        regional = self.node.service(self.service).regional
        return Scope(self.account, self.region if regional else "")

    def new_id(self) -> str:
        """A new version 4 UUID."""
        return chance.uuid(self.node.chance)

    def new_word(self, length: int, alphabet: str = chance.LOWER_ALPHANUMERIC) -> str:
        """A new random word, for ids in AWS's forms."""
        return chance.word(self.node.chance, length, alphabet)

    def arn(self, resource: str, *, service: str | None = None, region: str | None = None) -> str:
        """The ARN of a resource in this account and (unless told otherwise) region."""
        place = self.region if region is None else region
        name = service or self.node.service(self.service).iam
        return f"arn:aws:{name}:{place}:{self.account}:{resource}"

    async def read(self, body: Callable[..., T], *args: Any) -> T:
        """Run body(call, *args) on a snapshot; its call has a `tx`."""
        return await self.node.store.read(lambda tx: body(self.within(tx), *args))

    async def write(self, body: Callable[..., T], *args: Any) -> T:
        """Run body(call, *args) in a transaction; when this returns, it is durable."""
        return await self.node.store.write(lambda tx: body(self.within(tx), *args))

    def require(
        self,
        action: str,
        resource: str,
        *,
        policy: str | None = None,
        context: dict[str, list[str]] | None = None,
    ) -> None:
        """Raise AccessDenied unless the caller may do this too, as with iam:PassRole. Needs `tx`."""
        access = Access(action=action, resource=resource, policy=policy, context=context or {})
        authorize.require(self, (access,))

    def later(
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        due: float | None = None,
        lane: str | None = None,
    ) -> str:
        """Ask for a task of this service, in this transaction; returns its id, for `cancel`.

        It runs at `due` (seconds since 1970) or as soon as possible, as the service's own principal in
        this account and region. Tasks of one lane run one at a time, in the order they were asked for.
        """
        return tasks.add(self, kind, payload, due=due, lane=lane)

    def cancel(self, task_id: str) -> bool:
        """Take back a task without a lane; False if it has run (or begun a run) already."""
        return tasks.cancel(self.tx, task_id)

    async def invoke(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        *,
        principal: Principal | None = None,
        source_arn: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> Any:
        """Call another service's public operation: validated and authorized, like a request.

        It runs as this call's principal unless given another, for instance
        principal.service("s3.amazonaws.com") with the ARN of the bucket as `source_arn`.
        """
        target = self.node.operation(service, operation)
        call = self._onward(target.service.name, operation, principal, source_arn, account, region)
        result = self.node.start(call, target, params)
        if isinstance(result, Awaitable):
            result = await result
        return self.node.finish(target, result)

    def invoke_within(
        self,
        service: str,
        operation: str,
        params: dict[str, Any],
        *,
        principal: Principal | None = None,
        source_arn: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> Any:
        """The same inside this call's transaction, so that both commit or neither does.

        Only for operations that are plain functions. If it raises, let it: what it wrote before it
        raised is undone only with the whole transaction.
        """
        target = self.node.operation(service, operation)
        call = self._onward(target.service.name, operation, principal, source_arn, account, region)
        return self.node.finish(target, self.node.run_within(call.within(self.tx), target, params))

    def acting_as(self, principal: Principal) -> Call:
        """This call, made by somebody else."""
        other = self._copy()
        other.principal = principal
        return other

    def within(self, tx: Transaction) -> Call:
        """This call, with an open transaction."""
        inner = self._copy()
        inner._tx = tx
        return inner

    def open(self, tx: Transaction | None) -> None:
        """Give this very call a transaction, or take it away. For the node alone."""
        self._tx = tx

    def _copy(self) -> Call:
        other = Call.__new__(Call)
        for name in Call.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def _onward(
        self,
        service: str,
        operation: str,
        principal: Principal | None,
        source_arn: str | None,
        account: str | None,
        region: str | None,
    ) -> Call:
        call = self._copy()
        call._tx = None
        call.via = self.service if principal is None else ""
        call.service = service
        call.operation = operation
        call.principal = principal or self.principal
        call.source_arn = source_arn
        call.source_account = self.account if source_arn else None
        call.account = account or self.account
        call.region = region or self.region
        call.now = self.node.clock.now()
        return call
