"""What Schemathesis cannot read from the description: who calls, and that a new request needs a new key."""

import ipaddress
import json
import os
import urllib.error
import urllib.request
import uuid

import schemathesis
from schemathesis import GenerationMode

URL = os.environ["SLUICE_URL"]
ROLE = os.environ["SLUICE_ROLE"]
PASSWORD = "seven-lamps-light-the-hall"
REFRESH_SECONDS = 1


def address():
    """Each request comes from an address of its own, or the wrong passwords among them would shut all of them out.

    Not from the module `random`, which Hypothesis sets back for each case.
    """
    return {"X-Forwarded-For": str(ipaddress.IPv4Address(os.urandom(4)))}


def post(path, body):
    headers = {"Content-Type": "application/json"} | address()
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def log_in(email):
    return post("/auth/login", {"email": email, "password": PASSWORD})["access_token"]


@schemathesis.auth(refresh_interval=REFRESH_SECONDS)
class Somebody:
    """A new session each time, as a case may have ended the one before. The account stays: what a walk has made is its own until its
    end. It is another one where a case has taken it away."""

    email = None

    def get(self, case, context):
        if self.email is not None:
            try:
                return log_in(self.email)
            except urllib.error.HTTPError:
                pass
        self.email = f"{uuid.uuid4()}@example.org"
        post("/auth/register", {"email": self.email, "password": PASSWORD, "name": "Somebody", "role": ROLE})
        return log_in(self.email)

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers.update(address())
    # Cases that are meant to be accepted share keys, and the second request under a key is refused as it should be.
    if case.meta.generation.mode == GenerationMode.POSITIVE and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
