/**
  How the programs of a toolchain are called, given its entry in the matrix: gcc's by the target's name, LLVM's by their own, for it
  has one compiler for all targets.

  `kbuildFlags` are words for the command line of a kernel's make; `kbuildEnvironment` has the variables that say the same to whoever
  calls make. `kbuildSwitches` are those that take LLVM's programs in the place of GNU's, whatever the target is called.
*/
spec:
let
  crossCompile = "${spec.target}-";
  gnu = [ "CROSS_COMPILE=${crossCompile}" ];
  # Older trees are to be told that the assembler is LLVM's too.
  switches = [
    "LLVM=1"
    "LLVM_IAS=1"
  ];
  # They need CROSS_COMPILE for the target as well.
  llvm = gnu ++ switches;
  # LLVM=1 would make clang the compiler of the host's programs too, and this machine's libraries belong to its gcc.
  host = [
    "HOSTCC=gcc"
    "HOSTCXX=g++"
    "HOSTLD=ld"
    "HOSTAR=ar"
  ];
in
{
  # What CROSS_COMPILE is set to, with the toolchain's bin folder on PATH.
  inherit crossCompile;
}
// (
  if spec.clang == null then
    {
      compiler = "gcc ${spec.gcc}";
      cc = "${crossCompile}gcc";
      # What the names of objcopy and its like begin with.
      toolPrefix = crossCompile;
      kbuildFlags = gnu;
      kbuildSwitches = [ ];
      kbuildEnvironment = gnu;
      # What more a program without a C library is linked with.
      bareFlags = "";
      bareLibraries = "-lgcc";
    }
  else
    {
      compiler = "clang ${spec.clang}";
      cc = "clang --target=${spec.target}";
      toolPrefix = "llvm-";
      kbuildFlags = llvm ++ host;
      kbuildSwitches = switches;
      # What MAKEFLAGS holds counts as given on the command line.
      kbuildEnvironment = llvm ++ [ "MAKEFLAGS=${toString host}" ];
      bareFlags = " -fuse-ld=lld";
      bareLibraries = "";
    }
)
