#!/bin/sh
# What the virtual Pi 1 does when it has started: what a volunteer does, and then it tells what it measures.
# The scheduler's address, a token and the time are words of the kernel's command line.

word() {
  sed -n "s/.*punnet\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}

say() {
  echo "pi1: $*"
}

available_kb() {
  awk '/^MemAvailable/ { print $2 }' /proc/meminfo
}

# The group of a task, which the sandbox's own words share with it.
group_of() {
  echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$1/cgroup")"
}

limit_of() {
  cat "$1/memory.max" 2>/dev/null || echo none
}

# A board has no clock; it asks the network for the time before anything else.
date -s "@$(word now)" >/dev/null
for each in /sys/class/net/*; do
  name=${each##*/}
  [ "$name" = lo ] && continue
  ip address add 10.0.2.15/24 dev "$name"
  ip link set "$name" up
done
say "up as $(uname -m), $(available_kb) kB available"

dpkg -i /root/punnet-agent.deb
(umask 077 && word token >/root/token)
punnet-agent install "$(word url)" --token-file /root/token --name "$(word name)"
say "installed, status $?"
# As the agent runs. Parts of the bundle look for a require, which a module has not.
flags=$(sed -n 's/^set -- \(.*\) "$program" run.*/\1/p' /usr/share/punnet-agent/start-agent.sh)
measure='globalThis.require = require; import("/root/report-time.mjs")'
# Its words are split.
say "a report takes $(node $flags --no-opt --stress-flush-code -e "$measure") ms"

is_seen=''
while :; do
  agent=$(systemctl show --value --property=MainPID punnet-agent)
  rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$agent/status" 2>/dev/null)
  say "measured: agent ${rss:-0} kB, available $(available_kb) kB, leases $(ls /var/lib/punnet-agent/attempts 2>/dev/null | grep -c '^[0-9]')"
  nap=$(pgrep -x -f 'sleep 12345' | head -n 1)
  if [ -n "$nap" ] && [ -z "$is_seen" ]; then
    is_seen=yes
    group=$(group_of "$nap")
    say "nap in $group, memory.max $(limit_of "$group"), pids.max $(cat "$group/pids.max")"
    punnet-agent pause
    until [ "$(cat "$group/cgroup.freeze")" = 1 ]; do sleep 1; done
    say "nap frozen"
    punnet-agent resume
    until [ "$(cat "$group/cgroup.freeze")" = 0 ]; do sleep 1; done
    say "nap thawed"
    systemctl restart punnet-agent
    # Its shim sets the limits again when the next agent has the controllers.
    until [ "$(cat "$group/pids.max" 2>/dev/null || echo max)" != max ]; do sleep 1; done
    [ -d "/proc/$nap" ] && say "nap goes on, memory.max $(limit_of "$group"), pids.max $(cat "$group/pids.max")"
  fi
  sleep 20
done
