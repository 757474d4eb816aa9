#!/bin/sh
# Starts the agent in the group that it keeps for itself, with the controllers handed on. The agent would do
# both, but Node.js takes seconds on a Pi 1, and tasks that outlived the last agent have no limits until then.

group="/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)"
# Without cgroup v2, or with nothing delegated, there is nothing to do.
if mkdir -p "$group/agent" && echo $$ >"$group/agent/cgroup.procs"; then
  for each in cpu memory pids; do
    echo "+$each" >"$group/cgroup.subtree_control"
  done
fi 2>/dev/null
# Young garbage is mostly pieces of blobs, whose memory is not V8's: it must be found soon.
exec /usr/bin/node --max-old-space-size=48 --max-semi-space-size=1 /usr/share/punnet-agent/punnet-agent.cjs run
