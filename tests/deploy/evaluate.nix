# Evaluates a NixOS module with a small stand-in for nixpkgs: `options` (their defaults) and `config` as the module makes them
# for `user`, the operator's settings of its service. A value that an option's type refuses is an error; so is a setting
# that is no option. `toml.generate` gives its value back, so that the configuration can be looked at.
{ module, service, user }:

let
  type = name: check: { inherit name check; };
  lib = {
    types = rec {
      str = type "str" builtins.isString;
      path = type "path" (value: builtins.isPath value || (builtins.isString value && builtins.substring 0 1 value == "/"));
      package = type "package" (value: builtins.isAttrs value && value ? outPath);
      bool = type "bool" builtins.isBool;
      anything = type "anything" (value: true);
      strMatching = pattern: type "strMatching" (value: builtins.isString value && builtins.match pattern value != null);
      enum = values: type "enum" (value: builtins.elem value values);
      nullOr = inner: type "nullOr" (value: value == null || inner.check value);
      listOf = inner: type "listOf" (value: builtins.isList value && builtins.all inner.check value);
      attrsOf = inner: type "attrsOf" (value: builtins.isAttrs value && builtins.all inner.check (builtins.attrValues value));
    };
    mkOption = option: option;
    mkEnableOption = what: { type = lib.types.bool; default = false; description = what; };
    mkIf = condition: content: if condition then content else { };
    optional = condition: value: if condition then [ value ] else [ ];
    optionalAttrs = condition: value: if condition then value else { };
    filterAttrs = keep: set:
      builtins.listToAttrs (builtins.concatMap
        (name: lib.optional (keep name set.${name}) { inherit name; value = set.${name}; })
        (builtins.attrNames set));
    mapAttrsToList = make: set: map (name: make name set.${name}) (builtins.attrNames set);
    recursiveUpdate = left: right:
      left // builtins.mapAttrs
        (name: value:
          if builtins.isAttrs value && builtins.isAttrs (left.${name} or null) then
            lib.recursiveUpdate left.${name} value
          else
            value)
        right;
    escapeShellArgs = words: builtins.concatStringsSep " " (map toString words);
    getExe' = package: program: "${package.outPath}/bin/${program}";
  };
  pkgs.formats.toml = settings: { type = lib.types.attrsOf lib.types.anything; generate = name: value: value; };

  given = name: option:
    let value = user.${name} or option.default; in
    if user ? ${name} || option ? default then
      if option.type.check value then value else throw "`${name}` is no ${option.type.name}"
    else
      throw "`${name}` is not set";
  made = import module {
    inherit lib pkgs;
    config = {
      services.${service} = values;
      systemd.package = "/systemd";
    };
  };
  options = made.options.services.${service};
  unknown = builtins.attrNames (builtins.removeAttrs user (builtins.attrNames options));
  values =
    if unknown == [ ] then builtins.mapAttrs given options else throw "no option: ${builtins.toString unknown}";
in
builtins.deepSeq values {
  options = builtins.mapAttrs (name: option: { type = option.type.name; default = option.default or null; }) options;
  config = {
    inherit (made.config) systemd;
    packages = map (package: package.outPath) made.config.environment.systemPackages;
  };
}
