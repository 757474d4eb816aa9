#!/bin/sh
# Makes proto/gen from the .proto files; the first argument may name another place for it.
set -eu
out=${1:-proto/gen}
template=$(sed "s#out: proto/gen#out: $out#" buf.gen.yaml)
npx --no buf generate --template "$template"
npx --no buf build --exclude-source-info -o "$out/descriptors.binpb"
