#!/bin/sh
# Three clients of the API: a cookie jar, JSON web tokens, an API token.
#
#   WHALEFALL_URL=https://whalefall.example.org WHALEFALL_USER=ada WHALEFALL_PASSWORD=… \
#       sh docs/examples/api_clients.sh
#
# The user needs the role operator or admin. It needs curl and python3. Each client makes a tag
# and deletes it again; the last line is "done". The test suite runs this file against a live
# server.
set -eu

api="$WHALEFALL_URL/api/v1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077

# The value of a field of a JSON document, named as a path: field data.csrf_token
field() {
    python3 -c 'import functools, json, sys
print(functools.reduce(lambda part, name: part[name], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"
}

# The password goes through a file: what stands in a command line, every user of the machine can read.
python3 -c 'import json, os
print(json.dumps({"username": os.environ["WHALEFALL_USER"], "password": os.environ["WHALEFALL_PASSWORD"]}))' \
    > "$work/sign-in.json"

# --- 1. curl with a cookie jar ----------------------------------------------------------------
# A session cookie signs in, so every write shows the CSRF token. Signing in replaces it: fetch it
# again afterwards. --fail-with-body ends the script on a refusal and prints why.

jar="$work/cookies"
curl="curl --silent --show-error --fail-with-body --cookie $jar --cookie-jar $jar"

csrf_token() {
    $curl "$api/auth/csrf-token" | field data.csrf_token
}

# cookie_call METHOD PATH [curl's options]
cookie_call() {
    method=$1 path=$2
    shift 2
    $curl --request "$method" --header "X-CSRFToken: $(csrf_token)" --header "Referer: $WHALEFALL_URL/" \
        --header "Content-Type: application/json" "$@" "$api/$path"
}

cookie_call POST auth/login --data "@$work/sign-in.json" > "$work/signed-in.json"
echo "curl: signed in as $(field data.user.username < "$work/signed-in.json")"
tag=$(cookie_call POST tags --data '{"name": "example-of-curl"}' | field data.id)
cookie_call DELETE "tags/$tag" > /dev/null
echo "curl: made and deleted tag $tag"

# An API token for the script below. Its value is shown this once.
expires=$(python3 -c 'from datetime import datetime, timedelta, timezone
print((datetime.now(timezone.utc) + timedelta(days=1)).isoformat())')
cookie_call POST auth/tokens \
    --data "{\"name\": \"example\", \"scope\": \"operate\", \"expires_at\": \"$expires\"}" > "$work/token.json"
token=$(field data.id < "$work/token.json")

# --- 2. Python with JSON web tokens -----------------------------------------------------------
# The access token lives ten minutes. The refresh token gives the next pair, once.

API="$api" WORK="$work" python3 - <<'PYTHON'
import json
import os
import urllib.request
from http.cookiejar import CookieJar

API, WORK = os.environ["API"], os.environ["WORK"]
# Only the sign-in needs cookies: it is public, and guarded by the CSRF token alone.
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def call(method, path, body=None, opener=urllib.request.build_opener(), **headers):
    """The ``data`` of the answer. Raises urllib.error.HTTPError for a refusal."""
    data = None if body is None else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(
        f"{API}/{path}", data, {"Content-Type": "application/json", **headers}, method=method
    )
    with opener.open(request) as answer:
        return json.load(answer)["data"]


with open(f"{WORK}/sign-in.json") as file:
    sign_in = json.load(file)
csrf_token = call("GET", "auth/csrf-token", opener=opener)["csrf_token"]
pair = call(
    "POST", "auth/login", sign_in, opener, X_CSRFToken=csrf_token, Referer=API
)
pair = call("POST", "auth/refresh", {"refresh": pair["refresh"]})
bearer = {"Authorization": f"Bearer {pair['access']}"}
tag = call("POST", "tags", {"name": "example-of-python"}, **bearer)["id"]
call("DELETE", f"tags/{tag}", **bearer)
print(f"python: made and deleted tag {tag}")
call("POST", "auth/logout", {"refresh": pair["refresh"]}, **bearer)
PYTHON

# --- 3. A script with an API token ------------------------------------------------------------
# No sign-in and no CSRF: one header, from a file that only the script's user can read.

printf 'Authorization: Bearer %s\n' "$(field data.value < "$work/token.json")" > "$work/header"
script="curl --silent --show-error --fail-with-body --header @$work/header"

echo "script: scope $($script "$api/auth/session" | field data.scope)"
tag=$($script --json '{"name": "example-of-a-script"}' "$api/tags" | field data.id)
$script --request DELETE "$api/tags/$tag" > /dev/null
echo "script: made and deleted tag $tag"

# --- the end ----------------------------------------------------------------------------------
# A token is revoked by whoever is signed in with the password.

cookie_call DELETE "auth/tokens/$token" > /dev/null
if $script "$api/auth/me" > "$work/refusal.json"; then
    echo "the revoked token still signs in" >&2
    exit 1
fi
echo "script: then $(field message_code < "$work/refusal.json")"
cookie_call POST auth/logout > /dev/null
echo done
