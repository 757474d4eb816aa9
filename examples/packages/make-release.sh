#!/bin/sh
# make-release.sh KEY FOLDER DEB…: a folder for `punnet release publish NAME VERSION --from FOLDER --hook hook`. It is a
# repository of these packages for apt, signed by this key of gpg's. Needs gpg and dpkg-dev.
set -eu

key=$1 folder=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$folder"
cp -- "$@" "$folder"
cp "$here/hook" "$folder"
cd "$folder"
dpkg-scanpackages --multiversion . >Packages
{
  echo "Date: $(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S UTC')"
  echo 'SHA256:'
  echo " $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages"
} >Release
gpg --batch --yes --local-user "$key" --clearsign --output InRelease Release
rm Release
