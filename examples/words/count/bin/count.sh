#!/bin/sh
# How often each word of a text occurs, the most frequent first.
set -eu
tr -cs 'A-Za-z' '\n' < "$1" | tr 'A-Z' 'a-z' | sort | uniq -c | sort -rn > counts.txt
