#!/bin/sh
# How often each word of three letters or more occurs in a shard, with the node's own tools.
set -eu
tr -cs 'A-Za-z' '\n' < "$1" | tr 'A-Z' 'a-z' | LC_ALL=C grep -E '^.{3,}$' | LC_ALL=C sort |
  uniq -c | sed 's/^ *//' | gzip -n > counts.gz
