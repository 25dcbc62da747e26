"""Talks to the daemon as StackStorm's st2 client does, step by step, and fails where st2 would.

It is written from the client's documentation and behaviour and uses the same HTTP library, so that what the library does
on its own is tested too: Basic credentials in Latin-1, a body without charset, keep-alive, netrc.

Usage: st2client.py AUTH_URL API_URL USER PASSWORD ADMIN_TOKEN
"""

import calendar
import datetime
import hashlib
import json
import sys

import requests


class Manager:
    """One resource of the API, as the client's managers handle it."""

    def __init__(self, endpoint, plural):
        self.root = endpoint + "/" + plural

    def call(self, method, path="", data=None, token=None, api_key=None, **kwargs):
        headers = {}
        if token:
            headers["X-Auth-Token"] = token
        if api_key:
            headers["St2-Api-Key"] = api_key
        if data is not None:
            headers["content-type"] = "application/json"
            kwargs["data"] = json.dumps(data)
        response = requests.request(method, self.root + path, headers=headers, timeout=30, **kwargs)
        if response.status_code >= 400:
            fault = response.json().get("faultstring", "")
            if fault:
                response.reason += "\nMESSAGE: %s" % fault
            response.raise_for_status()
        return response

    def get_all(self, **kwargs):
        response = self.call("GET", **kwargs)
        assert response.status_code == 200, response.status_code
        return response.json()

    def get_by_id(self, name, **kwargs):
        try:
            return self.call("GET", "/" + name, **kwargs).json()
        except requests.exceptions.HTTPError as error:
            if error.response.status_code == 404:
                return None
            raise

    def create(self, data, **kwargs):
        return self.call("POST", data=data, **kwargs).json()

    def update(self, data, **kwargs):
        return self.call("PUT", "/" + data["id"], data=data, **kwargs).json()

    def delete(self, name, **kwargs):
        try:
            response = self.call("DELETE", "/" + name, **kwargs)
        except requests.exceptions.HTTPError as error:
            if error.response.status_code == 404:
                return False
            raise
        assert response.status_code in (200, 204), response.status_code
        return True


def refused(message, call, *args, **kwargs):
    """The call fails and st2 would print message."""
    try:
        call(*args, **kwargs)
    except requests.exceptions.HTTPError as error:
        assert "MESSAGE: " + message in str(error), str(error)
        return error.response.status_code
    raise AssertionError("not refused: " + message)


def expires_at(token):
    """The timestamp that the client's token cache keeps."""
    expiry = datetime.datetime.strptime(token["expiry"], "%Y-%m-%dT%H:%M:%S.%fZ")
    return calendar.timegm(expiry.timetuple())


def log_in(tokens, user, password):
    token = tokens.create({}, auth=(user, password))
    assert token["user"] == user and len(token["token"]) == 40 and len(token["id"]) == 24, token
    # A stale token from the environment is sent along with a new log-in.
    again = tokens.create({}, auth=(user, password), token="0" * 32)
    assert len(again["token"]) == len(token["token"])
    short = tokens.create({"ttl": 600}, auth=(user, password))
    assert expires_at(short) < expires_at(token), (short, token)
    refused("Invalid or missing credentials", tokens.create, {}, auth=(user, "wrong"))
    refused("TTL specified 86460 is greater than max allowed 86400.", tokens.create, {"ttl": 86460}, auth=(user, password))
    return token["token"]


def use_keys(keys, users, user, token):
    made = keys.create({"metadata": {"used_by": "my integration"}}, token=token)
    key = made["key"]
    assert made["user"] == user and made["enabled"] is True, made
    assert users.get_all(api_key=key)["username"] == user
    assert users.get_all(params={"st2-api-key": key})["authentication"] == {"method": "API key", "location": "query"}
    # When both are set both are sent, and the token decides.
    assert users.get_all(token=token, api_key="stale")["authentication"]["method"] == "authentication token"

    listed = keys.get_all(token=token, params={"limit": 50, "user": user})
    assert [entry["id"] for entry in listed] == [made["id"]], listed
    assert None not in listed[0].values() and "key" not in listed[0], listed
    assert keys.get_by_id(made["id"], token=token) == keys.get_by_id(key, token=token) == listed[0]
    assert keys.get_by_id("0" * 24, token=token) is None

    instance = keys.get_by_id(made["id"], token=token)
    instance["enabled"] = False
    assert keys.update(instance, token=token) == instance
    assert refused("Unauthorized - API key is disabled.", users.get_all, api_key=key) == 401
    instance["enabled"] = True
    assert keys.update(instance, token=token) == instance
    assert users.get_all(api_key=key)["username"] == user

    assert keys.delete(made["id"], token=token) is True
    assert keys.delete(made["id"], token=token) is False
    refused("Unauthorized", users.get_all, api_key=key)


def load_keys(keys, users, admin):
    """`st2 apikey load` of what `st2 apikey list --show-secrets -j` printed on the old host."""
    old_key = "NzZiN2U4N2NkYzZjOTUxMTE2ZGQ5NGUzMTQ0ZTBiNzQ5NWYwYTM2NWE5OTVhYzNhNGYwYTJjOTRlY2ZhNGE5OQ"
    entry = {
        "user": "moved",
        "key_hash": hashlib.sha512(("saltnpepper" + old_key).encode()).hexdigest(),
        "metadata": {"used_by": "webhook"},
        "enabled": True,
        "id": "58e3f3330c0517062a3fda43",
    }
    assert refused("ApiKey with that key or id is not found.", keys.update, entry, token=admin) == 404
    loaded = keys.create(entry, token=admin)
    assert loaded["key"] is None and loaded["id"] == entry["id"], loaded
    assert users.get_all(api_key=old_key)["username"] == "moved"
    assert keys.update(entry, token=admin)["id"] == entry["id"]
    assert refused("The id or the key hash is taken already.", keys.create, entry, token=admin) == 409
    shown = keys.get_all(token=admin, params={"user": "moved", "show_secrets": True, "limit": -1})
    assert shown[0]["key_hash"] == entry["key_hash"], shown


def main(auth_url, api_url, user, password, admin):
    tokens, validate = Manager(auth_url, "tokens"), Manager(auth_url, "tokens/validate")
    keys, users = Manager(api_url, "apikeys"), Manager(api_url, "user")
    token = log_in(tokens, user, password)
    assert users.get_all(token=token)["username"] == user
    assert validate.create({"token": token}, token=token) == {"valid": True}
    use_keys(keys, users, user, token)
    load_keys(keys, users, admin)
    keys.delete("58e3f3330c0517062a3fda43", token=admin)


if __name__ == "__main__":
    main(*sys.argv[1:])
