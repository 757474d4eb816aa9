#!/bin/sh
# root-file-system.sh ARCHITECTURE MIRROR FILE: a tar of Debian 12 for another processor, with all that
# the agent's package needs and systemd, so that nothing is fetched by the tests. Takes root, debootstrap
# and qemu-user-static, whose emulator the kernel starts for such programs.
set -eu
architecture=$1 mirror=$2 file=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
packages=nodejs,openvpn,bubblewrap,nftables,util-linux,systemd,systemd-sysv,dbus,udev,procps,iproute2,busybox-static
log=$(debootstrap --arch="$architecture" --variant=minbase --include="$packages" bookworm "$folder/root" "$mirror" 2>&1) || {
  printf '%s\n' "$log" | tail -n 20 >&2
  tail -n 20 "$folder/root/debootstrap/debootstrap.log" >&2 || true
  exit 1
}
rm -rf "$folder/root/var/cache/apt/archives" "$folder/root/var/lib/apt/lists"
# Whole or not at all.
tar -C "$folder/root" -cf "$file.part" .
mv "$file.part" "$file"
