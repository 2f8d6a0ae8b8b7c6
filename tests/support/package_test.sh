#!/usr/bin/env bash
# package_test.sh BUILD-FOLDER: makes the Debian package and looks into it: program, README, licence, and dependencies that were read from
# the program.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$1"
cpack -G DEB -B "$folder" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
package=$(echo "$folder"/pgsluice_*.deb)
content=$(dpkg-deb -c "$package")
for file in usr/bin/pgsluice usr/share/doc/pgsluice/README.md usr/share/doc/pgsluice/copyright; do
  if ! grep -q " ./$file\$" <<<"$content"; then
    printf '%s is not in the package:\n%s\n' "$file" "$content"
    exit 1
  fi
done
for library in libpq5 libtbb12 libzstd1; do
  if ! dpkg-deb -f "$package" Depends | grep -w "$library" >/dev/null; then
    echo "the package does not depend on $library"
    exit 1
  fi
done
if ! dpkg-deb --fsys-tarfile "$package" | tar -xO ./usr/share/doc/pgsluice/copyright | grep "^PostgreSQL License" >/dev/null; then
  echo "the package's licence is not the PostgreSQL licence"
  exit 1
fi
