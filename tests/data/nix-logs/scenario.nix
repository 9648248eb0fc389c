# What the recorded logs are of. `salt` makes every derivation new.
{ salt }:
let
  build =
    name: needs: script:
    derivation {
      inherit name needs salt;
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" "export PATH=/usr/bin:/bin\n${script}" ];
    };
  phase = name: "echo '@nix { \"action\": \"setPhase\", \"phase\": \"${name}\" }' >&2";
  toolchain = build "toolchain" [ ] "echo unpacking; echo done > $out";
  kernel = build "kernel" [ toolchain ] ''
    ${phase "unpackPhase"}
    echo 'printf' | sed 's/p/\x1b[31mp/'
    ${phase "buildPhase"}
    sleep 0.2
    echo '::error::not a workflow command'
    echo done > $out
  '';
in
{
  success = build "module" [ kernel ] "echo last; echo done > $out";
  failure = build "boot" [
    (build "broken" [ toolchain ] ''
      ${phase "buildPhase"}
      echo 'kernel/fork.c:1:2: error: unknown type name frob' >&2
      exit 2
    '')
    kernel
  ] "echo never";
  fetch = build "gcc" [
    (derivation {
      name = "gcc-12.deb";
      inherit salt;
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" "export PATH=/usr/bin:/bin; echo 'curl: (22) The requested URL returned error: 404' >&2; exit 1" ];
      outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
    })
    (derivation {
      name = "libc6.deb";
      inherit salt;
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [ "-c" "echo other > $out" ];
      outputHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
    })
  ] "echo never";
  interrupted = build "slow" [ toolchain ] "echo waiting; sleep 60; echo done > $out";
}
