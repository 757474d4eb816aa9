#!/bin/sh
# Makes the Python stubs of Punnet's contract in a folder. Debian: protobuf-compiler,
# protobuf-compiler-grpc; to run them: python3-grpcio, python3-protobuf.
set -eu
folder=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
mkdir -p "$folder"
protoc -I proto --python_out="$folder" --grpc_python_out="$folder" \
  --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" \
  proto/punnet/v1/*.proto proto/google/bytestream/bytestream.proto
