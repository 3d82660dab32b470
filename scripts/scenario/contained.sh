#!/bin/bash
# Runs one of the compiled scripts as root in mount and PID namespaces of its own, with a scratch directory and a time
# limit. When it ends, in whatever way, every process it started is killed, its mounts are gone and the scratch
# directory is removed (unless --keep was given).
#
# Usage: contained.sh SCRIPT [--on DIR] [--keep] [--limit SECONDS] [ARGUMENT...]
set -eu
repository=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
script=$repository/dist/scripts/$1
shift

scratch_parent=${TMPDIR:-/var/tmp}
limit=3600
keep=
pass=()
while [ $# -gt 0 ]; do
  case $1 in
    --on) scratch_parent=$2; shift ;;
    --on=*) scratch_parent=${1#--on=} ;;
    --limit) limit=$2; shift ;;
    --limit=*) limit=${1#--limit=} ;;
    --keep) keep=yes ;;
    *) pass+=("$1") ;;
  esac
  shift
done

if [ "$(id -u)" != 0 ]; then
  echo "$(basename "$script" .js): must run as root (it mounts file systems and makes device nodes)" >&2
  exit 1
fi
if [ ! -f "$script" ]; then
  echo "$script is not built; run 'make build' first" >&2
  exit 1
fi

scratch=$(mktemp -d "$scratch_parent/unionfs-scenario.XXXXXX")
chmod 0755 "$scratch"
child=
timer=
clean_up() {
  # Killing unshare kills PID 1 of the namespace, and with it everything in there.
  if [ -n "$child" ]; then
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if [ -n "$timer" ]; then kill "$timer" 2>/dev/null || true; fi
  if [ -n "$keep" ]; then
    echo "kept: $scratch"
    return
  fi
  # What dies in the namespace may still write for a moment.
  for attempt in 1 2 3 4 5; do
    rm -rf --one-file-system "$scratch" 2>/dev/null && return
    sleep "$attempt"
  done
  echo "could not remove $scratch" >&2
}
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# What a mount learns of these layers is of no use to others.
export UNIONFS_INDEX=$scratch/index
# PID 1 of the namespace is a shell, so that daemons which lose their parent are reaped.
unshare --mount --pid --fork --mount-proc --kill-child \
  bash -c '"$@"; exit $?' contained node "$script" --scratch "$scratch" "${pass[@]}" &
child=$!
sleep "$limit" >/dev/null 2>&1 &
timer=$!
status=0
wait -n "$child" "$timer" || status=$?
if kill -0 "$child" 2>/dev/null; then
  echo "$(basename "$script" .js): not finished within $limit s" >&2
  status=124
fi
exit "$status"
