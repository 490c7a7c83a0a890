#!/usr/bin/env bash
# Makes the virtual environment, once: scripts/setup.sh EXTRAS, for example "all" or "all,dev".
# Everything is pinned in constraints.txt. A second run with nothing changed returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."

extras=${1:-all}
python=${PYTHON:-python3}
venv=.venv
stamp=$venv/.installed-${extras//,/-}
wanted=$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1)
for done in "$venv"/.installed-*; do # one that has at least these extras will do
    [ "$(cat "$done" 2>/dev/null)" = "$wanted" ] || continue
    case "${done##*.installed}-" in "${stamp##*.installed}-"*) exit 0 ;; esac
done

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "Sensorium needs Python 3.11 or newer; found: $("$python" --version 2>&1). Set PYTHON=." >&2
    exit 1
}
if [ ! -x $venv/bin/pip ]; then
    say "making a virtual environment in $venv"
    "$python" -m venv $venv || {
        echo "That needs Debian's package python3-venv: sudo apt install python3-venv" >&2
        exit 1
    }
fi

pip=("$venv/bin/python" -m pip --disable-pip-version-check)
[ -t 2 ] || pip+=(--quiet)
pin() { grep -m1 "^$1==" constraints.txt; }

say "installing pinned packages (about 1.5 GB the first time)"
"${pip[@]}" install "$(pin pip)" "$(pin hatchling)" "$(pin editables)"
# torch first and by its exact version: a range could bring gigabytes of another build.
"${pip[@]}" install "$(pin torch)"
"${pip[@]}" install --no-build-isolation -c constraints.txt -e ".[$extras]"
case ",$extras," in
*,dev,*) "${pip[@]}" install --no-build-isolation --no-deps -e examples/thermal ;;
esac
echo "$wanted" >"$stamp"
say "installed"
