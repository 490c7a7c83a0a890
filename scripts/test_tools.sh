#!/usr/bin/env bash
# Gets what the tests use beside Python packages: the broker mosquitto, OpenAL for ViZDoom's sound,
# and EGL for MuJoCo's pictures. With root they are installed; without, mosquitto is unpacked into .tools. Where neither
# works the tests that need them say so and skip.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }

missing=()
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || [ -x .tools/mosquitto ] || missing+=(mosquitto)
ldconfig -p 2>/dev/null | grep -q libopenal.so.1 || missing+=(libopenal1)
ldconfig -p 2>/dev/null | grep -q libEGL.so.1 || missing+=(libegl1 libopengl0 libgl1-mesa-dri)
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ]; then
    say "getting ${missing[*]} (for tests)"
    { apt-get install -y -qq "${missing[@]}" || { apt-get update -qq && apt-get install -y -qq "${missing[@]}"; }; } \
        >/dev/null 2>&1 && exit 0
fi
case " ${missing[*]} " in
*" mosquitto "*)
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
    ;;
esac
case " ${missing[*]} " in
*" libegl1 "*) say "no EGL here: the tests of the MuJoCo scene will skip (sudo apt install libegl1 libopengl0 libgl1-mesa-dri)" ;;
esac
case " ${missing[*]} " in
*" libopenal1 "*) say "no OpenAL here: the tests of ViZDoom's sound will skip (sudo apt install libopenal1)" ;;
esac
