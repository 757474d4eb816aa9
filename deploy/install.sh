#!/bin/sh
# Donates this Raspberry Pi to a federation. Served by its scheduler as /install.sh:
#   sudo sh install.sh https://HOST:8443 --token-file FILE [--name NAME] [--dry-run]
# It does what is needed before there is a Node.js, and leaves the rest to `punnet-agent install`. The
# token says which certificate authority is the federation's; nothing that another one vouches for is run.
# All work is in main(), called on the last line: of a download that was cut nothing runs.
set -eu

# SHA-256 of the agent's package, filled in by the scheduler that serves both.
package_sha256=@SHA256@
# As in agent/install/plan.ts.
least_memory_mb=150
least_disk_mb=300
packages_mb=110
most_clock_error_s=86400
work=''

main() {
  url='' token_file='' name='' is_dry_run=''
  while [ $# -gt 0 ]; do
    case "$1" in
      --token-file) [ $# -ge 2 ] || usage; token_file=$2; shift 2 ;;
      --name) [ $# -ge 2 ] || usage; name=$2; shift 2 ;;
      --dry-run) is_dry_run=yes; shift ;;
      https://*) url=${1%/}; shift ;;
      *) usage ;;
    esac
  done
  if [ -z "$url" ] || [ -z "$token_file" ]; then usage; fi
  model=$(tr -d '\0' 2>/dev/null </proc/device-tree/model || echo 'a machine that is no Pi')
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' HUP INT TERM
  # apt reads the package as a user of its own.
  chmod 755 "$work"

  problems=0
  check_machine
  check_node
  check_token
  check_federation
  if [ "$problems" -gt 0 ]; then
    echo 'Nothing was changed.' >&2
    exit 1
  fi
  fetch_package
  echo "This machine: $model, $(uname -m), $(memory_mb) MB of memory, $(disk_mb) MB free on its disk."
  estimate "$model"
  echo 'What will be done:'
  if is_installed; then
    echo '  1. nothing is installed: this package is here already'
  else
    echo "  1. install punnet-agent $(version_of) from $url, and what it needs, by apt-get: nodejs, openvpn, bubblewrap, nftables"
  fi
  echo "  2. punnet-agent install: enrol this node at $url, start tunnel and agent"
  [ -z "$is_dry_run" ] || exit 0

  if ! is_installed; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$work/punnet-agent.deb"
  fi
  punnet-agent install "$url" --token-file "$token_file" ${name:+--name "$name"}
  # It is used up, or was not needed.
  rm -f "$token_file"
}

usage() {
  echo 'usage: sudo sh install.sh https://HOST:PORT --token-file FILE [--name NAME] [--dry-run]' >&2
  exit 2
}

refuse() {
  echo "  - $1" >&2
  problems=$((problems + 1))
}

memory_mb() {
  awk '/^MemTotal/ { print int($2 * 1024 / 1000000) }' /proc/meminfo
}

disk_mb() {
  df -P -B1000000 /var/lib | awk 'NR == 2 { print $4 }'
}

check_machine() {
  [ "$(id -u)" = 0 ] || refuse 'wanted root, found another user: run the same command with sudo.'
  command -v apt-get >/dev/null ||
    refuse 'wanted Raspberry Pi OS or Debian, found no apt-get: install the agent by hand (docs/volunteering.md).'
  case "$(uname -sm)" in
    'Linux armv6l' | 'Linux armv7l' | 'Linux aarch64' | 'Linux x86_64') ;;
    *) refuse "wanted Linux on ARMv6, ARMv7, ARM64 or x86-64, found $(uname -sm): tasks are built for no such machine." ;;
  esac
  [ "$(memory_mb)" -ge "$least_memory_mb" ] ||
    refuse "wanted $least_memory_mb MB of memory, found $(memory_mb) MB: on an old Pi give the graphics less (gpu_mem=16 in /boot/config.txt), then start it again."
  wanted_mb=$least_disk_mb
  if [ ! -x /usr/bin/node ] || [ ! -x /usr/bin/bwrap ]; then wanted_mb=$((least_disk_mb + packages_mb)); fi
  [ "$(disk_mb)" -ge "$wanted_mb" ] ||
    refuse "wanted $wanted_mb MB free on the disk of /var/lib, found $(disk_mb) MB: make room (sudo apt-get clean helps), or use a larger SD card."
}

# A Node.js built for ARMv7, as NodeSource's and nodejs.org's are, dies with SIGILL on a Pi 1 or Zero.
check_node() {
  [ -x /usr/bin/node ] || return 0
  instead='install the one of Raspberry Pi OS or Debian (sudo apt-get remove nodejs, and no other source of nodejs in /etc/apt/sources.list.d)'
  code=0
  /usr/bin/node -e 0 >/dev/null 2>&1 || code=$?
  case $code in
    0)
      /usr/bin/node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)' ||
        refuse "wanted Node.js 18 or newer, found $(/usr/bin/node --version): use Raspberry Pi OS 12 or newer, or Debian 12."
      ;;
    132) refuse "wanted a Node.js for this CPU, found that /usr/bin/node dies with SIGILL: $instead." ;;
    *) refuse "wanted a Node.js that runs, found that /usr/bin/node ends with $code: $instead." ;;
  esac
}

check_token() {
  token=$(tr -d ' \t\r\n' 2>/dev/null <"$token_file") || {
    refuse "wanted a file with a token, found that $token_file can not be read."
    return 0
  }
  case "$token" in
    pnt_*_*) [ ${#token} -eq 69 ] && return 0 ;;
  esac
  refuse "wanted a token (pnt_, 32 digits, _, 32 digits) in $token_file: copy all of it, as the operator sent it."
}

# The clock first: with a wrong one every certificate looks wrong.
check_federation() {
  [ "$problems" -eq 0 ] || return 0
  curl -sSk --max-time 30 -D "$work/head" -o "$work/ca.pem" "$url/ca.pem" 2>"$work/said" || {
    refuse "wanted an answer of $url, found $(cat "$work/said"): check the address, and this machine's network."
    return 0
  }
  theirs=$(date -d "$(sed -n 's/^[Dd]ate: //p' "$work/head" | tr -d '\r')" +%s 2>/dev/null) || theirs=$(date +%s)
  behind=$((theirs - $(date +%s)))
  if [ ${behind#-} -gt $most_clock_error_s ]; then
    refuse "wanted a clock that is right to the day, found $(date -u +%Y-%m-%d) where the federation has $(date -u -d "@$theirs" +%Y-%m-%d): sudo timedatectl set-ntp true, wait a minute, then run this again."
  fi
  # The certificate's bytes are what stands between the lines with dashes.
  grep -v -e - "$work/ca.pem" | base64 -d >"$work/ca.der" 2>/dev/null || : >"$work/ca.der"
  # From here on these bytes alone are trusted: what else the answer held was not looked at.
  {
    echo '-----BEGIN CERTIFICATE-----'
    base64 "$work/ca.der"
    echo '-----END CERTIFICATE-----'
  } >"$work/ca.pem"
  found=$(sha256sum <"$work/ca.der" | cut -c-32)
  [ "$found" = "${token##*_}" ] ||
    refuse "wanted the federation that the token is for at $url, found the certificate of another: check the address; a proxy or a virus scanner that opens TLS does this too, and must let this address pass."
}

fetch_package() {
  curl -fsS --max-time 600 --cacert "$work/ca.pem" -o "$work/punnet-agent.deb" "$url/agent.deb" || {
    echo "The agent's package could not be fetched from $url: its words are above. Nothing was changed." >&2
    exit 1
  }
  found=$(sha256sum "$work/punnet-agent.deb" | cut -c-64)
  [ "$found" = "$package_sha256" ] || {
    echo "The agent's package is not what was wanted ($package_sha256), found $found: run this again. If the federation has a new version since, ask its operator for a new line. Nothing was changed." >&2
    exit 1
  }
  chmod 644 "$work/punnet-agent.deb"
}

version_of() {
  dpkg-deb -f "$work/punnet-agent.deb" Version
}

is_installed() {
  # shellcheck disable=SC2016 # dpkg-query's own variables
  [ "$(dpkg-query -W -f '${db:Status-Status} ${Version}' punnet-agent 2>/dev/null)" = "installed $(version_of)" ]
}

# As agent/install/estimate.ts says it; a test holds the two together.
estimate() {
  echo 'What it will use, unless you set other limits:'
  echo "  power    $(power_of "$1")"
  echo '  traffic  about 15 MB a month without tasks (pings and reports measured in a laboratory), at most 28 MB to measure your line, at most 10 GB with them (the default limit)'
  echo '  LAN      what your Pis give each other of it: no limit by default (punnet-agent limits --lan RATE sets one)'
  echo '  disk     at most 1 GB of inputs and programs, beside the packages (the default limit)'
  echo '  memory   50 MB for the agent (measured on an emulated Pi 1), and what tasks are given while they run'
  echo '  heat     no task starts above 70 °C (the default limit)'
}

power_of() {
  busy='with all cores busy (pidramble.com)'
  case "$1" in
    'Raspberry Pi Zero 2'*) echo '0.6 W idle (cnx-software.com); no figure for busy cores' ;;
    'Raspberry Pi Zero'*) echo "0.4 W idle, 1.2 W $busy" ;;
    'Raspberry Pi 2 Model B'*) echo "1.1 W idle, 2.1 W $busy" ;;
    'Raspberry Pi 3 Model B Plus'*) echo "1.9 W idle, 5.1 W $busy" ;;
    'Raspberry Pi 3 Model B'*) echo "1.4 W idle, 3.7 W $busy" ;;
    'Raspberry Pi 4 Model B'*) echo "2.7 W idle, 6.4 W $busy" ;;
    *) echo 'no figure for this board; others: 0.4 W (Zero, idle) to 6.4 W (4 B, all cores busy) (pidramble.com)' ;;
  esac
}

main "$@"
