#!/bin/sh
# kernel.sh MIRROR FILE: Debian's package of the kernel for a Raspberry Pi 1. Fetched with package lists of
# its own: nothing of another processor comes to this machine.
set -eu
mirror=$1 file=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' HUP INT TERM
cd "$folder"
mkdir -p lists/partial
echo "deb [arch=armel] $mirror bookworm main" >armel.list
apt="-qq -o APT::Architecture=armel -o APT::Architectures=armel -o APT::Sandbox::User=root"
apt="$apt -o Dir::Etc::sourcelist=$folder/armel.list -o Dir::Etc::sourceparts=-"
apt="$apt -o Dir::State::lists=$folder/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache="
# Its words are split.
apt-get $apt update
name=$(apt-cache $apt depends linux-image-rpi | awk '/Depends: linux-image/ { print $2 }')
apt-get $apt download "$name"
mv linux-image*.deb "$file"
