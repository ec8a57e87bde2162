#!/bin/sh
# Runs the example until Ctrl-C: two backends and the gate in front of them, all on 127.0.0.1.
yett=${1:-build/yett}
pids=

stop() {
    trap '' INT TERM
    [ -n "$pids" ] && kill $pids 2>/dev/null
    wait
    echo
    echo "all ended"
    exit "$1"
}
trap 'stop 0' INT TERM

fail() {
    echo "$1" >&2
    stop 1
}

"$yett" echo --name hello --port 9001 &
hello=$!
"$yett" echo --name api --port 9002 &
api=$!
"$yett" run --manifests examples/hello --address 127.0.0.1 --http-port 8080 --https-port 8443 \
    --healthz-host 127.0.0.1 --healthz-port 10254 --workers 2 &
gate=$!
pids="$gate $hello $api"

all_run() {
    kill -0 "$hello" 2>/dev/null && kill -0 "$api" 2>/dev/null && kill -0 "$gate" 2>/dev/null
}

tries=0
until curl -fs -o /dev/null http://127.0.0.1:10254/readyz; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "the gate is not ready after 10 seconds; its log above says why"
    all_run || break
    sleep 0.1
done
sleep 0.2
all_run || fail "one of the three could not start, as it says above. The example needs the ports 8080, 8443
and 10254 (gate) and 9001 and 9002 (backends) of 127.0.0.1: end what holds them, and try again."

cat <<'TEXT'

The gate stands. Try, from another terminal:

  curl -H 'Host: hello.example' http://127.0.0.1:8080/
      "this is hello": the rule for / of that host

  curl -H 'Host: hello.example' http://127.0.0.1:8080/api/v1
      "this is api": the longer path wins

  curl http://127.0.0.1:8080/
      "this is hello" or "this is api": a rule without a host, a Service with two endpoints

  curl -i -H 'Host: secure.example' http://127.0.0.1:8080/login
      308 to https://secure.example/login: that host has TLS

  curl -k --resolve secure.example:8443:127.0.0.1 https://secure.example:8443/
      "this is hello", over TLS with a generated certificate

  curl http://127.0.0.1:10254/metrics
      what has been counted so far

Then change a route while it runs: no reload, no connection closed.

  sed -i 's|path: /api|path: /v2|' examples/hello/ingress.yaml
  curl -H 'Host: hello.example' http://127.0.0.1:8080/v2/x
      "this is api" now; the same with /v2 and /api swapped undoes it

Ctrl-C ends all of it.

TEXT
wait "$gate"
stop $?
