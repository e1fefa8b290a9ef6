#!/bin/sh
# Check outbox.pml with spin: both properties for each kind of hub, and that each fault put into it is found.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "spin is not installed: apt-get install spin gcc" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# verify PROPERTY DEFINE...: prints the number of errors that spin found.
verify() {
    property=$1
    shift
    spin -a "$@" "$here/outbox.pml" >spin.log 2>&1 || { cat spin.log >&2; exit 1; }
    cc -O2 -DNFAIR=3 -DVECTORSZ=512 -o pan pan.c
    ./pan -a -f -m100000 -N "$property" >pan.log 2>&1 || { cat pan.log >&2; exit 1; }
    grep -q "search depth too small" pan.log && { echo "the search was cut short" >&2; exit 1; }
    sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.log
}

status=0
expect() {
    wanted=$1
    name=$2
    shift 2
    found=$(verify "$@")
    [ "$found" = 0 ] && told=holds || told=broken
    [ "$told" = "$wanted" ] && mark=ok || { mark=WRONG; status=1; }
    echo "$mark  $name: $1 $told"
}

for means in 0 1 2; do
    case $means in 0) hub="hub with keys" ;; 1) hub="hub with a look-up" ;; *) hub="hub with neither" ;; esac
    expect holds "$hub" once "-DMEANS=$means"
    expect holds "$hub" ends "-DMEANS=$means"
    expect broken "$hub, without the durable intent" once "-DMEANS=$means" -DNO_INTENT
    # A hub with neither is never tried again, so there is no later attempt that could make a doubt forgotten.
    [ "$means" = 2 ] || expect broken "$hub, doubts forgotten" once "-DMEANS=$means" -DFORGET_DOUBT
done
exit $status
