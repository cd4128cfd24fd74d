# shellcheck shell=bash disable=SC2034
# Paths, ports and processes for the scripts of this folder; sourced, never run.
#
# A process is remembered as PID:START, START being its start time in clock
# ticks since boot. A pid alone may belong to somebody else by the time it is
# ended; the pair cannot.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
WORK="$ROOT/.work"

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_until SECONDS COMMAND... - polls until COMMAND succeeds; fails at the deadline.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

answers() { curl --silent --fail --output /dev/null --max-time 5 "$1"; }

start_ticks() {
    local stat fields
    stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
    # The command name, field 2, may hold blanks: count from its closing bracket.
    read -ra fields <<<"${stat##*) }"
    # A zombie has ended already; only its parent has not noticed.
    [[ "${fields[0]}" != Z ]] || return 1
    printf '%s\n' "${fields[19]}"
}

identify() { printf '%s:%s\n' "$1" "$(start_ticks "$1")"; }

alive() { [[ -n "$1" && "$(start_ticks "${1%%:*}")" == "${1##*:}" ]]; }

gone() { ! alive "$1"; }

# end_process PID:START [SIGNAL] - asks politely, insists after ten seconds.
end_process() {
    alive "$1" || return 0
    local pid="${1%%:*}"
    kill -CONT "$pid" 2>/dev/null || true
    kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
    wait_until 10 gone "$1" || kill -KILL "$pid" 2>/dev/null || true
    wait_until 5 gone "$1"
}

# launch LOG COMMAND... - starts COMMAND in the background, out of reach of this
# terminal's Ctrl-C, and leaves its identity in LAUNCHED.
launch() {
    local log="$1"
    shift
    setsid "$@" >"$log" 2>&1 </dev/null &
    LAUNCHED="$(identify $!)"
}
