"""What a key may still use of a plan, and what a stage lets through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from freehold.services.apigateway.gateway_responses import Refusal
from freehold.services.apigateway.records import MethodSetting, Quota, Stage, Throttle, Usage

# An account's own limits, which Freehold does not enforce: a stage that asks for these asks for
# nothing.
ACCOUNT_BURST, ACCOUNT_RATE = 5000, 10000.0


def spent(usage: Usage, throttle: Throttle | None, quota: Quota | None, now: float) -> Usage:
    """The usage after one more request, or a Refusal: too fast, or too many in this period."""
    if quota is not None:
        period = period_of(quota, now)
        used = usage.used if usage.period == period else 0
        if used >= quota.limit:
            raise Refusal("QUOTA_EXCEEDED")
        usage = msgspec.structs.replace(usage, period=period, used=used + 1)
    if throttle is None:
        return usage
    # A token bucket: it holds `burst_limit` requests and gains `rate_limit` a second.
    elapsed_s = max(now - usage.filled_at, 0.0)
    tokens = throttle.burst_limit if not usage.filled_at else usage.tokens
    tokens = min(tokens + elapsed_s * throttle.rate_limit, float(throttle.burst_limit))
    if tokens < 1:
        raise Refusal("THROTTLED")
    return msgspec.structs.replace(usage, tokens=tokens - 1, filled_at=now)


def period_of(quota: Quota, now: float) -> str:
    """The first day of the quota's present period; weeks begin on Sunday, months on the first."""
    today = datetime.fromtimestamp(now, UTC).date()
    if quota.period == "DAY":
        return today.isoformat()
    shifted = today - timedelta(days=quota.offset)
    if quota.period == "WEEK":
        begin = shifted - timedelta(days=shifted.isoweekday() % 7)
    else:
        begin = shifted.replace(day=1)
    return (begin + timedelta(days=quota.offset)).isoformat()


def stage_throttle(stage: Stage, path: str, http_method: str) -> tuple[str, Throttle] | None:
    """The key and limits of the method setting that holds a method back, or None."""
    for key in (f"{path.strip('/')}/{http_method}", "*/*"):
        setting = stage.method_settings.get(key)
        if setting is not None:
            throttle = _throttle(setting)
            return None if throttle is None else (key, throttle)
    return None


def _throttle(setting: MethodSetting) -> Throttle | None:
    rate, burst = setting.throttling_rate_limit, setting.throttling_burst_limit
    if rate < 0 or burst < 0 or (rate >= ACCOUNT_RATE and burst >= ACCOUNT_BURST):
        return None
    return Throttle(burst_limit=burst, rate_limit=rate)
