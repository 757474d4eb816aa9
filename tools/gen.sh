#!/bin/sh
# Makes proto/gen from the .proto files; the first argument may name another place for it.
set -eu
google=node_modules/google-proto-files/google
set -- "${1:-proto/gen}" --path proto/punnet --path "$google/bytestream/bytestream.proto" \
  --path "$google/rpc/status.proto" --path "$google/rpc/error_details.proto"
out=$1
shift
template=$(sed "s#out: proto/gen#out: $out#" buf.gen.yaml)
npx --no buf generate --template "$template" "$@"
npx --no buf build --exclude-source-info -o "$out/descriptors.binpb" "$@"
