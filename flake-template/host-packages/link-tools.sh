# Links host commands into $out/bin. Runs before anything else exists, so it names /usr/bin itself.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
mkdir -p "$out/bin"
for command in $commands; do
  path=
  for dir in /usr/bin /bin /usr/sbin /sbin; do
    if [ -x "$dir/$command" ]; then path=$dir/$command; break; fi
  done
  if [ -z "$path" ]; then
    echo "kflake: host: missing-tool: host tool \`$command\` is missing: apt install $package" >&2
    exit 1
  fi
  ln -s "$path" "$out/bin/$command"
done
for file in $files; do
  if [ ! -e "$file" ]; then
    echo "kflake: host: missing-tool: host file $file is missing: apt install $package" >&2
    exit 1
  fi
done
