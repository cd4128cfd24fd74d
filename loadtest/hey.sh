#!/bin/sh
# Three short closed-loop runs with hey against a running brink: everything, compressed, unchanged.
#
#   TOKEN=... BASE_URL=http://127.0.0.1:3063 ./hey.sh
#
# SECONDS_EACH (10) and CONNECTIONS (50) may be set. hey is in Debian: apt-get install hey.
set -eu

: "${TOKEN:?set TOKEN to a client token of the server under test}"
base_url=${BASE_URL:-http://127.0.0.1:3063}
seconds=${SECONDS_EACH:-10}
connections=${CONNECTIONS:-50}
url=$base_url/api/client/features

for tool in hey curl; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed: apt-get install $tool" >&2; exit 1; }
done

# The ETag is learnt from the server; a first answer other than 200 ends the script here.
etag=$(curl --fail --silent --show-error --output /dev/null --dump-header - \
    --header "Authorization: $TOKEN" "$url" |
    sed -n 's/^[Ee][Tt][Aa][Gg]: *\(.*[^[:space:]]\)[[:space:]]*$/\1/p')
[ -n "$etag" ] || { echo "no ETag in the answer of $url" >&2; exit 1; }

run() {
    echo "== $1"
    shift
    hey -z "${seconds}s" -c "$connections" -H "Authorization: $TOKEN" "$@" "$url"
}

run "200, not compressed" -disable-compression
run "200, gzip" -H "Accept-Encoding: gzip"
run "304" -disable-compression -H "If-None-Match: $etag"
