"""Contexts of frontend requests, generated: the same ones for the same seed. Pure.

Ordinary users mostly, with the fields that the constraints of flags.mjs look at,
and odd ones: nothing set, empty, long, beyond ASCII, signs that mean something
in a query, numbers where text is expected and the other way round.

Left out on purpose, because the server's own API does not do what the reference
edge does: `currentTime` (ignored), one property given twice (the other one
wins), and texts that JavaScript reads as numbers or versions and the reference
engine does not (blank, hexadecimal, "v1.2.3"), or the other way round ("inf").
Also an empty application name, which the server refuses in a POST.
"""

import random
import urllib.parse

USERS = ["alice", "bob", "carol", "dave"]
ODD_USERS = ["", "7", "-1", "0", "a+b&c=d%20e", "two words", "user/with;signs", "ünïcode-漢字", "l" * 3000]
SESSIONS = ["", "0", "42", "s p a c e", "ß", "other-session"]
APPS = ["shop", "shop-web", "back office"]
ENVIRONMENTS = ["development", "production", "default", "x-dev-y"]
ADDRESSES = ["10.0.0.1", "10.0.0.2", "192.168.7.9", "192.169.0.1", "127.0.0.1", "no address"]
ADDRESSES += ["2001:db8::1", "2001:db9::1", "::1"]
PROPERTIES = {
    "region": ["eu", "us", "uk", "EU", "apac", "", "eu ", "欧"],
    "plan": ["pro", "free", "enterprise", "Enterprise", "PRO", "premium", "pro\nline", "pa", "", "p" * 2000],
    "companyId": ["acme", "globex", "initech", "umbrella", "größe", "漢字", "a,b", "7", ""],
    "amount": "100 99.5 99.49999 250.75 -1 -1.5 0 1e2 1000000 100.0 00100 many 12,5".split(),
    "version": "1.2.3 1.2.4 1.2.2 0.9.9 1.10.0 2.0.0 2.0.0-beta.1 2.0.0-beta.11 1.2.3-rc.1 1.2 one 1.2.3.4".split(),
    "unused": ["x", "a=b&c", "[0]", "ä" * 50],
}


def generate(count, seed):
    draw = random.Random(seed)
    return [{}, *(_context(draw) for _ in range(count - 1))]


def _context(draw):
    fields = {
        "userId": _pick(draw, 0.9, [*USERS, *_numbered(draw, "user", 12)], ODD_USERS),
        "sessionId": _pick(draw, 0.9, _numbered(draw, "s", 12), SESSIONS),
        "appName": _pick(draw, 0.7, APPS, ["größer"]),
        "environment": _pick(draw, 0.6, ENVIRONMENTS, [""]),
        "remoteAddress": _pick(draw, 0.6, ADDRESSES, [""]),
    }
    context = {name: value for name, value in fields.items() if value is not None}
    given = {name: draw.choice(values) for name, values in PROPERTIES.items() if draw.random() < 0.75}
    return {**context, "properties": given} if given or draw.random() < 0.5 else context


def _pick(draw, given, usual, odd):
    """None in some cases, an odd value in one of ten, else a usual one."""
    if draw.random() >= given:
        return None
    return draw.choice(odd if draw.random() < 0.1 else usual)


def _numbered(draw, prefix, count):
    return [f"{prefix}-{draw.randrange(1000)}" for _ in range(count)]


def as_query(context, flat):
    """The query of a GET; properties as `plan=` if flat, else as `properties[plan]=`."""
    pairs = [(name, value) for name, value in context.items() if name != "properties"]
    for name, value in context.get("properties", {}).items():
        pairs.append((name if flat else f"properties[{name}]", value))
    return urllib.parse.urlencode(pairs)


def as_body(context, numbers):
    """The body of a POST; properties that look like whole numbers as such, if wanted."""
    if not numbers or "properties" not in context:
        return {"context": context}
    return {"context": {**context, "properties": {n: _number(v) for n, v in context["properties"].items()}}}


def _number(text):
    return int(text) if text.lstrip("-").isdecimal() and str(int(text)) == text else text
