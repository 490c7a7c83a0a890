#!/usr/bin/env bash
# Gets what the tests use beside Python packages: the broker mosquitto. With root it is installed,
# without it is unpacked into .tools. Where neither works the tests that need it say so and skip.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || [ -x .tools/mosquitto ] || {
    say "getting mosquitto (a broker for the MQTT tests)"
    if [ "$(id -u)" = 0 ]; then
        { apt-get install -y -qq mosquitto || { apt-get update -qq && apt-get install -y -qq mosquitto; }; } \
            >/dev/null 2>&1 && exit 0
    fi
    mkdir -p .tools/packages && cd .tools/packages
    if apt-get download -qq mosquitto libmosquitto1 libcjson1 libdlt2 libwrap0 >/dev/null 2>&1; then
        for package in *.deb; do dpkg -x "$package" ..; done
        cd ..
        printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
            "$PWD/usr/lib/$(uname -m)-linux-gnu" "$PWD/usr/sbin/mosquitto" >mosquitto
        chmod +x mosquitto
    else
        say "no mosquitto here: three MQTT tests will skip (sudo apt install mosquitto)"
    fi
}
