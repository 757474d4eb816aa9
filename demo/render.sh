#!/bin/sh
# Renders one strip of the picture: the camera of the strip, then the objects that all strips share.
# The bundle carries the ray tracer and its libraries, so that the node needs neither.
set -eu
cat "$1" objects.scene > strip.scene
LD_LIBRARY_PATH=$PUNNET_BUNDLE/lib "$PUNNET_BUNDLE/bin/tachyon" strip.scene -numthreads 1 -format PPM -o strip.ppm
tail -c $((960 * 30 * 3)) strip.ppm | gzip -n > strip.rgb.gz
