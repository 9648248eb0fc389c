/**
  Boots a kernel under QEMU inside the build sandbox, to an init linked by the same cell's toolchain.
*/
{
  lib,
  stdenv,
  runCommand,
  writeShellScriptBin,
  perl,
  qemu,
  # Reads ELF headers; shared with every other check.
  elfTools,
}:
let
  versions = import ./versions.nix;

  file =
    name: path:
    builtins.path {
      name = "kflake-${name}";
      inherit path;
    };
  initSource = file "init" ./validate/init;
  writeInitramfs = file "initramfs.pl" ./initramfs.pl;
  supervise = file "boot-supervise.pl" ./boot-supervise.pl;
  splats = file "splats.json" ./splats.json;
  runSource = file "boot-run.c" ./boot-run.c;
  checkProgram = file "boot-program.pl" ./boot-program.pl;
  bootBuilt = file "boot-built.pl" ./boot-built.pl;
  elfReader = file "elf.pl" ./elf.pl;

  # QEMU, or as much of it as the board needs where the package set has it in parts.
  qemuFor = board: (qemu.forCommand or (_: qemu)) board.qemu;

  # Writes the initramfs with the arguments so far, what init loads, and room for the nonce of a run, which has to come last. The
  # names of what init loads are kept beside it, in its order.
  finishInitramfs = ''
    n=0
    : >$out/modules
    for folder in $modules; do
      for file in $(find "$folder" -name '*.ko' | sort); do
        set -- "$@" "/kflake_module.$n.ko=$file"
        basename "$file" >>$out/modules
        n=$((n + 1))
      done
    done
    echo KFLAKE-NONCE:00000000000000000000000000000000 >nonce
    perl "$writeInitramfs" $out/initramfs.cpio "$@" /kflake_nonce=nonce
  '';
in
rec {
  /**
    init, the modules that it loads, and /dev/console, as an uncompressed cpio archive.

    # Arguments

    - toolchain: what links init
    - kernel: the kernel's version; null: any
    - module: the probe module
    - modules: .ko files, or folders of them, in any order
  */
  initramfs =
    {
      toolchain,
      kernel,
      module ? null,
      modules ? [ ],
      name ? toolchain.name,
    }:
    let
      oldest = toolchain.spec.oldestKernel;
      # Without a C library, or with one that refuses the kernel, init is of its own kind: nothing but system calls.
      bare = kernel == null || toolchain.libc == null || oldest != null && versions.older kernel oldest;
    in
    stdenv.mkDerivation {
      name = "initramfs-${name}";
      inherit (toolchain) cc toolPrefix;
      module = if module == null then "" else "${module}";
      modules = map (module: "${module}") modules;
      inherit initSource writeInitramfs elfTools;
      initFlags = lib.optionalString bare (
        "-DKFLAKE_BARE -ffreestanding -nostdlib -fno-pic -Wl,-e,_start${toolchain.bareFlags}"
        + lib.optionalString (lib.hasPrefix "mips" toolchain.target) " -mno-abicalls -G0"
        # for the processors of old boards too
        + lib.optionalString (lib.hasPrefix "mips64" toolchain.target) " -march=mips64"
      );
      initLibraries = lib.optionalString bare toolchain.bareLibraries;
      wantBits = toString toolchain.arch.bits;
      wantEndian = toolchain.arch.endian;
      wantMachine = toString toolchain.arch.elfMachine;
      nativeBuildInputs = [
        toolchain
        perl
      ];
      dontUnpack = true;
      dontConfigure = true;
      dontFixup = true;
      hardeningDisable = [ "all" ];
      buildPhase = ''
        runHook preBuild
        . $elfTools
        # shellcheck disable=SC2086 # lists of words
        if ! $cc -Os -static $initFlags -o init $initSource/init.c $initLibraries; then
          echo "kflake: boot: init-not-linked: the toolchain cannot link a static init" >&2
          exit 1
        fi
        "''${toolPrefix}strip" init
        elf_expect boot init "$wantBits" "$wantEndian" "$wantMachine"
        runHook postBuild
      '';
      installPhase = ''
        runHook preInstall
        mkdir -p $out
        cp init $out/init
        set -- /init=init
        if [ -n "$module" ]; then set -- "$@" /kflake_probe.ko="$module/kflake_probe.ko"; fi
        ${finishInitramfs}
        runHook postInstall
      '';
    };

  /**
    An init that runs one static program, given by its file, and ends with it; or, without one, a shell.

    # Arguments

    - toolchain: what links init
    - program, programName, arguments: what it runs
    - modules: .ko files, or folders of them, which it loads first
  */
  programInitramfs =
    {
      toolchain,
      program ? null,
      programName ? "shell",
      arguments ? [ ],
      modules ? [ ],
    }:
    if toolchain.libc == null then
      throw "kflake: toolchain ${toolchain.id} has no C library to link an init with that runs a program"
    else
      stdenv.mkDerivation {
        name = "initramfs-${if program == null then "shell" else "program"}";
        inherit (toolchain) target;
        program = if program == null then "" else program;
        inherit
          programName
          runSource
          initSource
          checkProgram
          elfReader
          writeInitramfs
          ;
        modules = map (module: "${module}") modules;
        arguments = builtins.toJSON arguments;
        wantBits = toString toolchain.arch.bits;
        wantEndian = toolchain.arch.endian;
        wantMachine = toString toolchain.arch.elfMachine;
        nativeBuildInputs = [
          toolchain
          perl
        ];
        dontUnpack = true;
        dontConfigure = true;
        dontFixup = true;
        hardeningDisable = [ "all" ];
        buildPhase = ''
          runHook preBuild
          if [ -n "$program" ]; then
            perl "$checkProgram" "$elfReader" "$program" "$wantBits" "$wantEndian" "$wantMachine" "$programName" "$arguments" arguments || exit 1
          fi
          if ! "$target-gcc" -Os -static -I"$initSource" -o init "$runSource"; then
            echo "kflake: boot: init-not-linked: the toolchain cannot link a static init" >&2
            exit 1
          fi
          "$target-strip" init
          runHook postBuild
        '';
        installPhase = ''
          runHook preInstall
          mkdir -p $out
          set -- /init=init
          if [ -n "$program" ]; then set -- "$@" /kflake_program="$program" /kflake_arguments=arguments; fi
          ${finishInitramfs}
          runHook postInstall
        '';
      };

  # The command line of QEMU, as a list of words.
  qemuCommand =
    {
      board,
      kernel,
      initramfs,
      image ? kernel.image,
      initrd ? "${initramfs}/initramfs.cpio",
      dtb ? if board.dtb == null then null else "${kernel}/dtbs/${baseNameOf board.dtb}",
      cmdline ? board.cmdline,
      interactive ? false,
    }:
    let
      place = board.initrdPlace;
    in
    [
      board.qemu
      "-machine"
      board.machine
    ]
    ++ lib.optionals (board.cpu != null) [
      "-cpu"
      board.cpu
    ]
    ++ [
      "-m"
      board.mem
      "-display"
      "none"
    ]
    ++ lib.optionals (!interactive) [
      "-monitor"
      "none"
    ]
    ++ lib.optionals board.icount [
      "-icount"
      "shift=auto"
    ]
    ++ lib.optionals board.secondSerial [
      "-serial"
      "null"
    ]
    ++ [
      "-serial"
      (if interactive then "mon:stdio" else "stdio")
    ]
    ++ [
      "-nic"
      "none"
      "-no-reboot"
      "-kernel"
      image
    ]
    # -initrd goes to the top of memory.
    ++ (
      if place == null then
        [
          "-initrd"
          initrd
        ]
      else
        [
          "-device"
          "loader,file=${
            builtins.replaceStrings [ "," ] [ ",," ] (toString initrd)
          },addr=${place.address},force-raw=on"
        ]
    )
    ++ lib.optionals (dtb != null) [
      "-dtb"
      dtb
    ]
    ++ [
      "-append"
      # A panic ends the machine at once instead of hanging until a timeout.
      "${cmdline}${lib.optionalString (place != null) " ${place.cmdline}"} panic=-1"
    ]
    ++ lib.optionals (board.cpus != null) [
      "-smp"
      (toString board.cpus)
    ]
    ++ lib.optionals (board.firmware != null) [
      "-bios"
      board.firmware
    ]
    ++ lib.optionals (board.vga != null) [
      "-vga"
      board.vga
    ]
    ++ lib.concatMap (device: [
      "-device"
      device
    ]) board.devices;

  /**
    A kernel booted to our init, with boot.log and boot.json in its output.

    # Arguments

    - kernel: from `buildKernel`
    - initToolchain: what links init, where the kernel's own compiler came without a C library
    - board: the machine; by default, the kernel's own
    - module: the probe module
    - modules: .ko files, or folders of them, which have to load
    - expect: texts that have to be on the console
    - wallTimeout, silenceTimeout: seconds
    - name: of the test
  */
  bootTest =
    {
      kernel,
      initToolchain ? kernel.toolchain,
      board ? kernel.board,
      module ? null,
      modules ? [ ],
      expect ? [ ],
      wallTimeout ? 120,
      silenceTimeout ? 30,
      name ? kernel.name,
    }:
    let
      initrd = initramfs {
        toolchain = initToolchain;
        kernel = kernel.version;
        inherit module modules name;
      };
    in
    runCommand "boot-${name}"
      {
        nativeBuildInputs = [
          (qemuFor board)
          perl
        ];
        passthru = {
          inherit kernel module board;
          initramfs = initrd;
          command = qemuCommand {
            inherit board kernel;
            initramfs = initrd;
          };
        };
      }
      ''
        mkdir -p $out
        perl ${supervise} \
          --wall ${toString wallTimeout} --silence ${toString silenceTimeout} \
          --release "$(cat ${kernel}/release)" --machine ${lib.escapeShellArg kernel.arch.uname} \
          ${lib.optionalString (module != null) "--module"} \
          ${lib.concatMapStrings (text: "--expect ${lib.escapeShellArg text} ") expect}\
          --initramfs ${initrd} --splats ${splats} --out $out -- \
          ${lib.escapeShellArgs (qemuCommand {
            inherit board kernel;
            initramfs = initrd;
            initrd = "initramfs.cpio";
          })}
      '';

  /**
    `boot FOLDER`, which starts the kernel that was built in a folder, and judges it as a boot test does; with all that it needs.

    # Arguments

    - arch: of the matrix
    - boards: of the arch, the preferred ones first, each with its id
    - toolchain: what links init
  */
  bootBuiltKernel =
    {
      arch,
      boards,
      toolchain,
    }:
    let
      rank = version: if version == null then null else versions.rankOf version;
      machine = board: {
        inherit (board) id image dtb;
        from = rank board.from;
        below = rank board.below;
        target = board.makeTarget;
        programs = "${qemuFor board}/bin";
        command = qemuCommand {
          inherit board;
          kernel = { };
          initramfs = { };
          image = "@image@";
          initrd = "initramfs.cpio";
          dtb = if board.dtb == null then null else "@dtb@";
        };
      };
    in
    runCommand "boot-built-${arch.id}"
      {
        machines = builtins.toJSON {
          arch = arch.id;
          inherit (arch) uname;
          boards = map machine boards;
        };
        passAsFile = [ "machines" ];
      }
      ''
        mkdir -p $out/bin $out/lib
        cp "$machinesPath" $out/lib/machines.json
        ln -s ${
          initramfs {
            inherit toolchain;
            kernel = null;
            name = arch.id;
          }
        }/init $out/lib/init
        ln -s ${writeInitramfs} $out/lib/initramfs.pl
        ln -s ${supervise} $out/lib/boot-supervise.pl
        ln -s ${splats} $out/lib/splats.json
        { echo "#!${perl}/bin/perl"; cat ${bootBuilt}; } >$out/bin/boot
        chmod 555 $out/bin/boot
      '';

  /**
    A command that starts QEMU; what is added to it comes last. KFLAKE_INITRD, where it is set, names what stands for initrd: the same
    with the nonce of a run.
  */
  bootCommand =
    {
      board,
      command,
      initrd,
    }:
    let
      words = map (builtins.replaceStrings [ "${initrd}" ] [ "@initrd@" ]) command;
    in
    writeShellScriptBin "kflake-boot" ''
      export PATH=${lib.makeBinPath [ (qemuFor board) ]}:$PATH
      initrd=${lib.escapeShellArg initrd}
      if [ -n "''${KFLAKE_INITRD-}" ]; then initrd=$KFLAKE_INITRD; fi
      command=(${lib.escapeShellArgs words})
      exec "''${command[@]//@initrd@/"$initrd"}" "$@"
    '';

  /**
    Boots the kernel of a boot test with the terminal as its console, to a shell that `shell` links; without one, to the test's own init,
    which powers off at once. Ctrl-A X leaves.
  */
  interactive =
    {
      test,
      shell ? null,
    }:
    let
      initramfs = if shell == null then test.initramfs else programInitramfs { toolchain = shell; };
    in
    bootCommand {
      inherit (test) board;
      initrd = "${initramfs}/initramfs.cpio";
      command = qemuCommand {
        inherit (test) board kernel;
        inherit initramfs;
        interactive = true;
      };
    };
}
