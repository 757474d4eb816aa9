#!/bin/sh
# Starts the agent: the version that a release made active, or the package's own. A new version has to prove
# itself; after two starts in which it did not, the one before is active again. No network and no Node.js are
# needed for that. Root owns this script; it runs as the agent's user, to whom the versions belong.
set -u

# It starts in the group that it keeps for itself, with the controllers handed on. The agent would do both, but
# Node.js takes seconds on a Pi 1, and tasks that outlived the last agent have no limits until then.
group="/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)"
# Without cgroup v2, with nothing delegated, or started by hand, there is nothing to do.
if [ -n "${INVOCATION_ID:-}" ] && mkdir -p "$group/agent" && echo $$ >"$group/agent/cgroup.procs"; then
  for each in cpu memory pids; do
    echo "+$each" >"$group/cgroup.subtree_control"
  done
fi 2>/dev/null

state=${1:-/var/lib/punnet-agent}
here=$state/releases/agent
program=${PUNNET_AGENT_PROGRAM:-/usr/share/punnet-agent/punnet-agent.cjs}
node=${PUNNET_NODE:-/usr/bin/node}
export PUNNET_AGENT_STARTER=1

# "VERSION COUNT" while the active version has not proved itself.
read -r counted starts 2>/dev/null <"$here/starts" || { counted='' starts=0; }
case $starts in '' | *[!0-9]*) starts=0 ;; esac
version=$(readlink "$here/active" 2>/dev/null) || version=''
[ "$counted" = "$version" ] && [ -n "$version" ] || counted=''

broken=''
[ -z "$version" ] || [ -f "$here/active/punnet-agent.cjs" ] || broken='its program is not there'
[ -z "$counted" ] || [ "$starts" -lt 2 ] || broken='it did not prove itself in two starts'
if [ -n "$broken" ]; then
  printf '%s\n%s\n' "$version" "$broken" >"$here/failed.new" && mv "$here/failed.new" "$here/failed"
  previous=$(readlink "$here/previous" 2>/dev/null) || previous=''
  if [ -n "$previous" ] && [ "$previous" != "$version" ] && [ -f "$here/$previous/punnet-agent.cjs" ]; then
    rm -f "$here/active.new"
    ln -s "$previous" "$here/active.new" && mv -T "$here/active.new" "$here/active"
    version=$previous
  else
    rm -f "$here/active"
    version=''
  fi
  rm -f "$here/previous" "$here/starts"
  sync
  counted=''
  echo "start-agent: went back to ${version:-the version of the package}: $broken" >&2
fi

[ -z "$version" ] || program=$here/$version/punnet-agent.cjs
# Young garbage is mostly pieces of blobs, whose memory is not V8's: it must be found soon. V8 needs no threads of its own:
# nothing here is worth compiling well, and there is little to collect. The agent says itself when.
set -- --expose-gc --optimize-for-size --max-old-space-size=48 --max-semi-space-size=1 --v8-pool-size=0 "$program" run --state "$state"
[ -n "$counted" ] || exec "$node" "$@"

printf '%s %s\n' "$version" $((starts + 1)) >"$here/starts.new" && mv "$here/starts.new" "$here/starts"
# Not exec: what it says with its exit code is believed only when it has proved itself, since systemd starts nothing
# again after some codes.
"$node" "$@" &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM INT
wait "$child"
code=$?
# A signal ends the wait, not the agent.
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done
[ ! -e "$here/starts" ] || [ "$code" -eq 0 ] || exit 1
exit "$code"
