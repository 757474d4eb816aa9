#!/bin/sh
# Loads the firewall of the overlay, with ssh where the owner allowed it; as `if-gone` only where it is not there,
# which a hand or another program may have flushed at any time.
set -e

has() {
  /usr/sbin/nft list chain inet punnet_agent "$1" 2>/dev/null | grep -q drop
}

if [ "${1:-}" = if-gone ]; then
  if has input && has forward; then exit 0; fi
  echo '<4>The firewall of the overlay was gone: it is loaded again.'
fi

/usr/sbin/nft -f /usr/share/punnet-agent/firewall.nft
if [ -e /etc/punnet-agent/allow-ssh ]; then
  /usr/sbin/nft add element inet punnet_agent open '{ 22 }'
fi
