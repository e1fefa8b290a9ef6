#!/bin/sh
# Builds deploy/container's image and runs it; then boots a systemd in a container and starts deploy/systemd's units there.
# Not part of the gate. Needs root, Debian's debootstrap, buildah, podman, runc and systemd-container, the ways to an archive
# of Debian packages and to an index of Python packages that this machine is set up for, and 2 GB in WORK.
# PIP_CONF: a pip.conf for the build, handed over as a secret.
set -eu
cd "$(dirname "$0")/../.."
work=${WORK:-$(mktemp -d)}
mkdir -p "$work"
cat > "$work/storage.conf" <<EOF
[storage]
driver = "overlay"
graphroot = "$work/containers"
runroot = "$work/containers-run"
EOF
cat > "$work/containers.conf" <<EOF
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=1000:1000"]
[engine]
runtime = "runc"
EOF
export CONTAINERS_STORAGE_CONF="$work/storage.conf" CONTAINERS_CONF="$work/containers.conf"
say() { printf '\n# %s\n' "$*"; }

if [ ! -e "$work/root/.made" ]; then
  say "A Debian with Python and systemd"
  rm -rf "$work/root"
  debootstrap --variant=minbase \
    --include=ca-certificates,cron,dbus,python3,python3-distutils,python3-venv,systemd,systemd-sysv bookworm "$work/root" > "$work/debootstrap.log" \
    || chroot "$work/root" apt-get -y --no-install-recommends -f install >> "$work/debootstrap.log"
  ln -sf python3 "$work/root/usr/bin/python"
  touch "$work/root/.made"
fi
if ! buildah inspect --type image localhost/warden-base > /dev/null 2>&1; then
  base=$(buildah from scratch)
  buildah copy -q "$base" "$work/root" / > /dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
  buildah commit -q "$base" localhost/warden-base > /dev/null
  buildah rm "$base" > /dev/null
fi

say "The image"
buildah bud --isolation chroot --network host --volume /etc/ssl/certs:/etc/ssl/certs:ro --build-arg BASE=localhost/warden-base \
  ${PIP_CONF:+--secret id=pip-config,src=$PIP_CONF} -f deploy/container/Containerfile -t ops-warden . > "$work/build.log" 2>&1 \
  || { tail -20 "$work/build.log"; exit 1; }
podman volume rm -f warden-try > /dev/null 2>&1 || true
podman volume create warden-try > /dev/null
warden() {
  podman run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp \
    -v warden-try:/var/lib/ops-warden ops-warden "$@"
}
warden --version
warden doctor
warden hub send --from flex-auth --to ops-warden --subject certificates --body "Who issues SSH certificates?"
warden
warden worker run --execute | tail -n 1
warden status --quiet
podman volume rm -f warden-try > /dev/null

say "The units, under a running systemd"
system=$work/system
rm -rf "$system"
cp -a "$work/root" "$system"
image=$(podman image mount ops-warden)
cp -a "$image/opt/warden" "$system/opt/"
podman image umount ops-warden > /dev/null
ln -s /opt/warden/bin/warden "$system/usr/local/bin/warden"
cp deploy/systemd/warden-intake.service "$system/"
install -m 0755 tests/deploy/inside.sh "$system/inside.sh"
printf '[Unit]\nAfter=multi-user.target\n[Service]\nExecStart=/inside.sh\n' > "$system/etc/systemd/system/inside.service"
mkdir -p "$system/etc/systemd/system/multi-user.target.wants"
ln -s ../inside.service "$system/etc/systemd/system/multi-user.target.wants/"
timeout 600 systemd-nspawn -q -D "$system" --register=no --keep-unit --private-network --boot < /dev/null > "$work/boot.log" 2>&1 || true
cat "$system/tried.log"
tail -n 1 "$system/tried.log" | grep -qx 'all went well'
if [ -z "${WORK:-}" ]; then
  umount "$work/containers/overlay" 2> /dev/null || true
  rm -rf "$work"
fi
