#!/bin/sh
# Renders one strip of the picture: 24 strips of 30 rows. The bundle carries povray, its libraries
# and their loader, so that the node needs none of them.
set -eu
strip=$1
lib=/bundle/lib
"$lib/loader" --library-path "$lib" /bundle/bin/povray +Iscene.pov +Owhole.ppm +FP +W960 +H720 \
  +WT1 -D -GA -A "+SR$((strip * 30 + 1))" "+ER$((strip * 30 + 30))" 2> povray.log
# The file has all rows, black but for ours; the pixels are its last 960 * 720 * 3 bytes.
tail -c $((960 * 720 * 3)) whole.ppm | tail -c +$((strip * 30 * 960 * 3 + 1)) |
  head -c $((30 * 960 * 3)) | gzip -n > strip.rgb.gz
