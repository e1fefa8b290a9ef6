# A NixOS module: imports = [ ./module.nix ]; services.ops-warden = { enable = true; package = ...; };
# The unit says the same as deploy/systemd/warden.service, and its timer as warden.timer (a test compares).
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

    interval = lib.mkOption {
      type = lib.types.str;
      default = "5m";
      description = "How often that comes round, in warden's words (`5m`, `1h`): so it knows when a pass was missed.";
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
      serviceConfig = import ./hardening.nix // {
        Type = "oneshot";
        ExecStart = lib.escapeShellArgs [
          (lib.getExe' cfg.package "warden") "worker" "run" "--once" "--scheduled" "--every" cfg.interval "--quiet" "--agent" cfg.agent
        ];
        SuccessExitStatus = [ 11 143 ];
        TimeoutStartSec = "15min";
        TimeoutStopSec = 90;
        DynamicUser = true;
        StateDirectory = "ops-warden";
        StateDirectoryMode = "0700";
        LoadCredential = lib.mapAttrsToList (name: file: "${name}:${file}") cfg.credentials;
        DevicePolicy = "closed";
        PrivateUsers = true;
        RemoveIPC = true;
        MemoryDenyWriteExecute = true;
        KeyringMode = "private";
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
