#!/bin/sh
# Counts the words of its input.
set -eu
echo "counting $1"
wc -w < "$1" > count.txt
