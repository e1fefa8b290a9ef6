# A NixOS module: imports = [ ./module.nix ]; services.ops-warden = { enable = true; package = ...; };
# The unit says the same as deploy/systemd/warden.service, and its timer as warden.timer.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.ops-warden;
  toml = pkgs.formats.toml { };
in
{
  options.services.ops-warden = {
    enable = lib.mkEnableOption "warden, which answers an agent's inbox on a schedule";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package that has the program `warden`.";
    };

    agent = lib.mkOption {
      type = lib.types.str;
      default = "ops-warden";
      description = "Whose inbox is answered.";
    };

    onCalendar = lib.mkOption {
      type = lib.types.str;
      default = "*-*-* *:0/5:00";
      description = "When a pass begins, in the form of systemd.time(7).";
    };

    settings = lib.mkOption {
      type = toml.type;
      default = { };
      example = { hub.url = "https://hub.example"; hub.token_command = [ "systemd-creds" "cat" "hub.token" ]; };
      description = "config.toml. It is world-readable in the store: no credential belongs here, only where one is.";
    };

    credentials = lib.mkOption {
      type = lib.types.attrsOf lib.types.path;
      default = { };
      example = { "hub.token" = "/run/keys/hub.token"; };
      description = "Files that systemd hands to the service; `systemd-creds cat NAME` reads one there.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];

    systemd.services.ops-warden = {
      description = "warden: one pass over the inbox of ${cfg.agent}";
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      environment = {
        WARDEN_CONFIG = toml.generate "config.toml" cfg.settings;
        WARDEN_STATE_DIR = "/var/lib/ops-warden";
      };
      path = [ config.systemd.package ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = lib.escapeShellArgs [
          (lib.getExe' cfg.package "warden") "worker" "run" "--once" "--scheduled" "--quiet" "--agent" cfg.agent
        ];
        SuccessExitStatus = 11;
        TimeoutStartSec = "15min";
        TimeoutStopSec = 90;
        DynamicUser = true;
        StateDirectory = "ops-warden";
        StateDirectoryMode = "0700";
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") cfg.credentials;
        UMask = "0077";
        NoNewPrivileges = true;
        CapabilityBoundingSet = "";
        AmbientCapabilities = "";
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        DevicePolicy = "closed";
        PrivateUsers = true;
        ProtectProc = "invisible";
        ProtectClock = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectControlGroups = true;
        RestrictAddressFamilies = [ "AF_UNIX" "AF_INET" "AF_INET6" ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        RemoveIPC = true;
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        KeyringMode = "private";
        SystemCallArchitectures = "native";
        SystemCallFilter = [ "@system-service" "~@privileged @resources" ];
        SystemCallErrorNumber = "EPERM";
      };
    };

    systemd.timers.ops-warden = {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnCalendar = cfg.onCalendar;
        RandomizedDelaySec = "50s";
        AccuracySec = "1s";
        Persistent = true;
      };
    };
  };
}
