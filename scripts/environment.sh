# Sourced by scripts/run and scripts/test: makes .venv on a fresh machine, and uses it again the next time.
# environment EXTRAS: installs attendo[EXTRAS] from this checkout, unless exactly that is installed already.

say() { printf '%s\n' "$*" >&2; }

fail() { say "$@"; exit 1; }

# A Python that really starts (a name on PATH may be a shim for a version that is not installed).
find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "attendo needs Python 3.11, 3.12 or 3.13, and none was found." \
        "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name it: PYTHON=/path/to/python $0"
}

environment() {
    wanted="$1 $(cat pyproject.toml constraints.txt | cksum)"
    stamp=".venv/installed-${1:-core}"
    if [ -x .venv/bin/python ] && .venv/bin/python -c '' 2>/dev/null && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    if ! { [ -x .venv/bin/python ] && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
        python=$(find_python) || exit 1
        say "making .venv with $("$python" --version)"
        "$python" -m venv --clear .venv || fail \
            "python -m venv failed: its module is missing. Debian, Ubuntu: apt install python3-venv"
    fi
    say "installing attendo${1:+[$1]} into .venv (once; some minutes)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".${1:+[$1]}" || fail \
        "installing failed, see above. The packages come from PyPI: is there a network? A second try goes on from here."
    printf '%s' "$wanted" > "$stamp"
}
