"""Acts on the client API: what backend SDKs fetch, and what they make of it."""

import json

import normal
from play import CHANGE_SECONDS, same
from stage import ROOT, Watcher, fetch_json, request, sdk_answers, status_of

CONTEXTS = json.loads((ROOT / "tests/sdk/contexts.json").read_text())


def features_mean_the_same(play, name):
    token = play.tokens[name]
    expected = play.features(play.server.url, token)
    actual = play.features(play.brink.url, token)
    assert expected["features"], "the server has no flags: nothing is compared"
    same(normal.of_features(expected), normal.of_features(actual))
    projects, environment = token.split(".")[0].split(":")
    query = {"projects": [projects], "environment": environment, "inlineSegmentConstraints": False}
    same(query, {key: actual["query"].get(key) for key in query})


def single_feature_means_the_same(play):
    token = play.tokens["BACKEND"]
    for flag in play.comparable_flags(token):
        path = f"/api/client/features/{flag}"
        answers = [fetch_json(play.server.url + path, token=token)]
        answers.append(next(f for f in play.features(play.brink.url, token)["features"] if f["name"] == flag))
        answers.append(fetch_json(play.brink.url + path, token=token))
        same(answers[1], answers[2])
        same(answers[0]["name"], answers[2]["name"])


def unchanged_features_are_304(play):
    url, token = f"{play.brink.url}/api/client/features", play.tokens["BACKEND"]
    _, headers, _ = request(url, token=token)
    status, _, body = request(url, token=token, headers={"If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b""), f"{status} {body[:100]!r}"


def sdk_agrees(play, sdk, name):
    token = play.tokens[name]
    flags = [*play.comparable_flags(token), "no-such-flag"]
    expected = sdk_answers(sdk, play.server.url, token, flags, CONTEXTS)
    actual = sdk_answers(sdk, play.brink.url, token, flags, CONTEXTS)
    assert any(on for flag in flags for on, _ in expected[flag]), "all flags are off: nothing is compared"
    same(expected, actual)


def wrong_token_is_refused(play):
    url = f"{play.brink.url}/api/client/features"
    for token in (None, "*:development.wrong", play.tokens["FRONTEND"]):
        status = status_of(url, token=token)
        assert status in (401, 403), f"{status} for a wrong token"


def sdk_sees_a_flip(play):
    play.watcher = Watcher(play.brink.url, play.tokens["BACKEND"], "flip-me")
    play.watcher.expect("off", 15)
    play.server.flip("flip-me", "on")
    play.watcher.expect("on", CHANGE_SECONDS)
    play.server.flip("flip-me", "off")
    play.watcher.expect("off", CHANGE_SECONDS)
