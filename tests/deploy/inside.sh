#!/bin/bash
# Runs as a service of a systemd that `try.sh` has booted: installs warden's units as docs/ and deploy/ say, starts them, and
# looks whether they do what they are for. Says each thing on a line of /tried.log; `failed` is the last word when one fails.
exec > /tried.log 2>&1
set -u
export WARDEN_CONFIG=/etc/ops-warden/config.toml WARDEN_STATE_DIR=/var/lib/ops-warden
trap 'systemctl poweroff' EXIT

that() { # that WHAT COMMAND...: run it, say whether it went well, end when not
  local what=$1
  shift
  if "$@" > /tmp/said 2>&1; then echo "ok    $what"; else
    echo "not   $what: $*"
    cat /tmp/said
    journalctl --no-pager -n 30
    echo failed
    exit 1
  fi
}
property() { systemctl show -P "$2" "$1"; }
is() { local found; found=$(property "$1" "$2") && [ "$found" = "$3" ] || { echo "$1 $2 is $found"; return 1; }; }
says() { local unit=$1 word=$2; property "$unit" StatusText | grep -F "$word"; }
within() { for _ in $(seq 100); do "$@" > /tmp/within 2>&1 && return; sleep 0.3; done; cat /tmp/within; return 1; }
as_warden() { setpriv --reuid warden --regid warden --clear-groups "$@"; }
restarted() { [ "$(property warden-worker.service NRestarts)" -ge 1 ]; }

that "a user of its own" useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin warden
install -d -m 0755 /etc/ops-warden

# A hub over HTTP whose token is handed over as a credential: the worker's user can read no other copy of it.
install -d -o warden -g warden -m 0700 /var/lib/served
printf 'agent = "ops-warden"\n[hub]\nurl = "http://127.0.0.1:8765"\ntoken_command = ["systemd-creds", "cat", "hub.token"]\n' \
  > /etc/ops-warden/config.toml
mkdir /run/empty
(umask 077; as_warden env WARDEN_CONFIG=/run/empty WARDEN_STATE_DIR=/var/lib/served warden hub token create ops-warden \
  2> /dev/null > /etc/ops-warden/hub.token)
that "a hub on loopback" systemd-run --unit served-hub -p User=warden -E WARDEN_CONFIG=/run/empty \
  -E WARDEN_STATE_DIR=/var/lib/served warden hub serve --port 8765
send() { as_warden env WARDEN_CONFIG=/run/empty WARDEN_STATE_DIR=/var/lib/served warden hub send --from flex-auth \
  --to ops-warden --subject certificates --body "Who issues SSH certificates?"; }

that "units from warden itself" warden schedule install --systemd --user warden --every 1m
that "and the worker's" warden schedule install --systemd --user warden --every 1m --keep-going
for unit in warden warden-worker; do
  that "the credential's line in $unit.service" sed -i 's/^# LoadCredential=hub/LoadCredential=hub/' /etc/systemd/system/$unit.service
done
that "systemd reads them" systemctl daemon-reload
that "systemd-analyze verify" systemd-analyze verify /etc/systemd/system/warden*.{service,timer}

that "one pass, with the credential" within systemctl start warden.service
that "it left a run" as_warden grep -c . /var/lib/ops-warden/ledger.key
that "a message" send
that "the timer is on" systemctl enable --now warden.timer
before=$(property warden.service ExecMainStartTimestampMonotonic)
fired() { [ "$(property warden.service ExecMainStartTimestampMonotonic)" != "$before" ]; }
for _ in $(seq 90); do fired && break; sleep 1; done
that "the timer fired by itself" fired
that "and the pass went through" within is warden.service Result success
that "the timer is off" systemctl disable --now warden.timer

that "the worker is ready" systemctl start warden-worker.service
that "it says what it does" within says warden-worker.service "waiting for"
that "it reloads" systemctl reload warden-worker.service
that "and is there" is warden-worker.service ActiveState active
that "it stops" systemctl stop warden-worker.service
that "and that is no failure" is warden-worker.service ActiveState inactive
mkdir -p /etc/systemd/system/warden-worker.service.d
printf '[Service]\nWatchdogSec=4\nRestartSec=1\n' > /etc/systemd/system/warden-worker.service.d/soon.conf
that "with a short watchdog" systemctl daemon-reload
that "it starts again" systemctl start warden-worker.service
sleep 9
that "fed, it lives" is warden-worker.service NRestarts 0
that "hung" kill -STOP "$(property warden-worker.service MainPID)"
that "it is started anew" within restarted
that "and works" within says warden-worker.service "waiting for"
that "stop it" systemctl stop warden-worker.service

# The same from cron, on the embedded hub: it comes by itself, and has nothing to mail.
install -d -o warden -g warden -m 0700 /var/lib/by-cron
echo 'agent = "ops-warden"' > /etc/ops-warden/cron.toml
by_cron() { as_warden env WARDEN_CONFIG=/etc/ops-warden/cron.toml WARDEN_STATE_DIR=/var/lib/by-cron "$@"; }
by_cron warden schedule install --cron --user warden --every 1m > /tmp/crontab
that "a crontab" crontab -u warden /tmp/crontab
that "cron" systemctl start cron.service
came() { by_cron warden status --json | grep -q '"trigger": *"scheduled"'; }
for _ in $(seq 90); do came && break; sleep 1; done
that "cron came by" came
that "there was nothing to mail" sh -c '! journalctl --no-pager -u cron.service | grep -iE "MTA|mail|chdir|error"'
that "no cron" systemctl stop cron.service

# What the units deny is denied: the same confinement, another command.
sed -e '/^ExecStart=/c ExecStart=/bin/sh -c "touch /etc/x /usr/x /home/x; touch /var/lib/ops-warden/x; id -u; true"' \
  /etc/systemd/system/warden.service > /etc/systemd/system/confined.service
that "a confined shell" systemctl daemon-reload
that "runs" systemctl start confined.service
that "it wrote its state" test -e /var/lib/ops-warden/x
that "and nothing else" test ! -e /etc/x -a ! -e /usr/x -a ! -e /home/x

# As the NixOS module has it: a user that exists while it runs.
sed -e '/^User=/d; /^Group=/d; s/^ExecStart=/DynamicUser=yes\n&/' -e 's#^StateDirectory=ops-warden$#&-dynamic#' \
  -e 's#WARDEN_STATE_DIR=/var/lib/ops-warden$#&-dynamic#' /etc/systemd/system/warden.service > /etc/systemd/system/dynamic.service
that "a dynamic user's unit" systemctl daemon-reload
that "makes its pass" systemctl start dynamic.service
that "in its own state" test -s /var/lib/private/ops-warden-dynamic/ledger.db

printf '\n[intake]\nlisten = "127.0.0.1:8790"\n[intake.sources.forge]\nkind = "gitea"\n' >> /etc/ops-warden/config.toml
printf 'key_command = ["systemd-creds", "cat", "forge.key"]\n' >> /etc/ops-warden/config.toml
(umask 077; head -c 24 /dev/urandom | base64 > /etc/ops-warden/forge.key)
sed -e 's/^# LoadCredential=/LoadCredential=/' /warden-intake.service > /etc/systemd/system/warden-intake.service
that "the intake's unit" systemctl daemon-reload
that "starts" systemctl start warden-intake.service
healthy() { python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8790/healthz", timeout=5)'; }
that "it answers" within healthy
that "it stops" systemctl stop warden-intake.service
that "and that is no failure" is warden-intake.service ActiveState inactive
echo "all went well"
