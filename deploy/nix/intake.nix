# A NixOS module: imports = [ ./intake.nix ]; services.ops-warden-intake = { enable = true; package = ...; rules = ...; };
# It takes events in beside a runtime that executes workloads, and makes a pass over them every minute. Both run as the
# runtime's user: the pipe and the socket of lifecycle reports are for that user alone.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.ops-warden-intake;
  toml = pkgs.formats.toml { };
  stateDir = builtins.dirOf cfg.dbPath;
  configFile = toml.generate "config.toml" (lib.recursiveUpdate {
    intake = { listen = cfg.listenAddr; } // lib.optionalAttrs (cfg.rules != null) { rules = toString cfg.rules; };
    workload = lib.filterAttrs (_: value: value != null) {
      trigger_pipe = cfg.triggerPipe;
      lifecycle_socket = cfg.lifecycleSocket;
    };
    api.clients = lib.optionalAttrs (cfg.tokenFile != null) {
      n8n = {
        token_command = [ "${config.systemd.package}/bin/systemd-creds" "cat" "api-token" ];
        scopes = cfg.scopes;
      };
    };
  } cfg.settings);
  unit = {
    environment = {
      WARDEN_CONFIG = configFile;
      WARDEN_STATE_DIR = stateDir;
    };
    path = [ config.systemd.package ];
    after = [ "network-online.target" ] ++ cfg.after;
    wants = [ "network-online.target" ];
    requires = cfg.requires;
  };
  # Less than of warden.service: scripts of the operator's rules run in the pass, and other things as the same user.
  hardening = import ./hardening.nix // {
    User = cfg.user;
    Group = cfg.group;
    LoadCredential = lib.optional (cfg.tokenFile != null) "api-token:${cfg.tokenFile}"
      ++ lib.mapAttrsToList (name: file: "${name}:${file}") cfg.credentials;
    ReadWritePaths = [ stateDir ]
      ++ lib.optional (cfg.triggerPipe != null) (builtins.dirOf cfg.triggerPipe)
      ++ lib.optional (cfg.lifecycleSocket != null) (builtins.dirOf cfg.lifecycleSocket);
  };
in
{
  options.services.ops-warden-intake = {
    enable = lib.mkEnableOption "warden's intake: webhooks and events in, workloads out";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package that has the program `warden`.";
    };

    listenAddr = lib.mkOption {
      type = lib.types.str;
      default = "127.0.0.1:8790";
      description = "Where events are taken in. Beyond loopback it belongs behind a proxy with TLS.";
    };

    dbPath = lib.mkOption {
      type = lib.types.strMatching "/.*/intake\\.db";
      default = "/var/lib/ops-warden-intake/intake.db";
      description = "The database of events. Ledger, locks and the rest of the state lie in the same directory.";
    };

    tokenFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/keys/intake-api.token";
      description = "File with the bearer token of the API's client `n8n`; without it there is no API.";
    };

    scopes = lib.mkOption {
      type = lib.types.listOf (lib.types.enum [ "events" "dispatch" "claim" "authorize" "audit" ]);
      default = [ "events" "dispatch" "audit" ];
      description = "What that client may do.";
    };

    triggerPipe = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/var/lib/opencrow/trigger.pipe";
      description = "The FIFO that the runtime makes and reads.";
    };

    lifecycleSocket = lib.mkOption {
      type = lib.types.nullOr lib.types.str;
      default = null;
      example = "/var/lib/opencrow/lifecycle.sock";
      description = "Where lifecycle reports are heard: a Unix datagram socket that the intake binds.";
    };

    after = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "opencrow.service" ];
      description = "Units after which the intake starts.";
    };

    requires = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      description = "Units without which the intake does not run. It runs well without the runtime: workloads wait.";
    };

    user = lib.mkOption {
      type = lib.types.str;
      default = "opencrow";
      description = "The runtime's user.";
    };

    group = lib.mkOption {
      type = lib.types.str;
      default = "opencrow";
      description = "The runtime's group.";
    };

    rules = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      description = "The trigger rules.";
    };

    settings = lib.mkOption {
      type = toml.type;
      default = { };
      example = { intake.sources.gitea = { kind = "gitea"; key_command = [ "systemd-creds" "cat" "gitea.key" ]; }; };
      description = "More of config.toml. It is world-readable in the store: no credential belongs here.";
    };

    credentials = lib.mkOption {
      type = lib.types.attrsOf lib.types.path;
      default = { };
      example = { "gitea.key" = "/run/keys/gitea.key"; };
      description = "Files that systemd hands to the services; `systemd-creds cat NAME` reads one there.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];

    systemd.tmpfiles.rules = [ "d ${stateDir} 0700 ${cfg.user} ${cfg.group} -" ];

    systemd.services.ops-warden-intake = unit // {
      description = "warden: takes events in at ${cfg.listenAddr}";
      wantedBy = [ "multi-user.target" ];
      serviceConfig = hardening // {
        ExecStart = lib.escapeShellArgs [ (lib.getExe' cfg.package "warden") "intake" "serve" ];
        Restart = "always";
        RestartSec = 2;
      };
    };

    systemd.services.ops-warden-intake-pass = unit // {
      description = "warden: one pass over the events that were taken in";
      serviceConfig = hardening // {
        Type = "oneshot";
        ExecStart = lib.escapeShellArgs [
          (lib.getExe' cfg.package "warden") "worker" "run" "--once" "--scheduled" "--every" "1m" "--quiet"
        ];
        SuccessExitStatus = [ 11 143 ];
        TimeoutStartSec = "15min";
      };
    };

    systemd.timers.ops-warden-intake-pass = {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = "*-*-* *:*:00";
        AccuracySec = "1s";
        Persistent = true;
      };
    };
  };
}
