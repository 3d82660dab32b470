# What the flows share: numbered checks, times, and small images made without a registry. Sourced.
passed=0
failed=0

check() { # TITLE COMMAND...
  title=$1
  shift
  begun=$(date +%s%N)
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf 'ok   %-58s %6.2f s\n' "$title" "$(seconds "$begun")"
  else
    status=$?
    failed=$((failed + 1))
    printf 'FAIL %-58s %6.2f s, exit %s\n' "$title" "$(seconds "$begun")" "$status"
    printf '%s\n' "$output" | tail -n 20 | sed 's/^/     | /'
  fi
}

seconds() { # since BEGUN
  echo "$(($(date +%s%N) - $1))" | awk '{printf "%.2f", $1 / 1e9}'
}

same() { # TITLE EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then
    passed=$((passed + 1))
    printf 'ok   %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$1"
    printf '%s\n' "wanted:" "$2" "is:" "$3" | head -n 60 | sed 's/^/     | /'
  fi
}

finish_checks() {
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

# A store is at rest: nothing mounted below it, and no mount program running.
at_rest() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    mounted=$(grep -c " $BASE/s/.* fuse" /proc/mounts || true)
    daemons=$(for each in /proc/[0-9]*; do
      grep -q '^State:[[:space:]]*Z' "$each/status" 2>/dev/null && continue
      tr '\0' ' ' <"$each/cmdline" 2>/dev/null | grep -qE '^[^ ]*(unionfs|fuse-overlayfs) ' && echo "${each#/proc/}"
    done | wc -l)
    [ "$mounted" -eq 0 ] && [ "$daemons" -eq 0 ] && return 0
    sleep 0.3
  done
  echo "$mounted FUSE mounts and $daemons daemons are left"
  grep " $BASE/s/.* fuse" /proc/mounts
  return 1
}

# localhost/small: busybox and a few files to change.
import_small() {
  root=$BASE/tmp/small
  mkdir -p "$root/bin" "$root/etc" "$root/tmp" "$root/data/sub/deep" "$root/data/gone" "$root/proc" "$root/sys" "$root/dev" "$root/run"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for applet in sh ls cat rm mkdir mv cp touch ln chmod chown stat find mount id echo sleep true rmdir wget httpd tar grep; do ln -s busybox "$root/bin/$applet"; done
  echo root:x:0:0:root:/:/bin/sh >"$root/etc/passwd"
  for file in one two sub/three sub/deep/four gone/five; do echo "$file" >"$root/data/$file"; done
  tar -C "$root" --owner 0 --group 0 -cf - . | podman import -q - localhost/small
  rm -rf "$root"
}
