#!/bin/sh
# Loads the firewall of the overlay, with ssh where the owner allowed it.
set -e

/usr/sbin/nft -f /usr/share/punnet-agent/firewall.nft
if [ -e /etc/punnet-agent/allow-ssh ]; then
  /usr/sbin/nft add element inet punnet_agent open '{ 22 }'
fi
