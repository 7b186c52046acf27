#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usual guess: with SOURCE_DATE_EPOCH nfpm makes the same bytes of the same files; and a
# version that it takes is one that apk takes.
#
# Truth: deb and ipk are the same bytes; in an apk the scripts have the times of their
# files, which are new in every clone. "0.2.0-rc.1" and what git describe says go into the
# apk as they are, and apk (apk version --check) refuses them: after a dash it wants r and
# a number, and no dot behind _rc.
#
# Versions: nfpm 2.45.2.
set -eu
cd "$(dirname "$0")/.."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export SOURCE_DATE_EPOCH=1800000000 CGO_ENABLED=0
changed() { echo "changed: $1"; exit 1; }
nfpm=$(sed -n 's/^NFPM=//p' .ci/package)
printf '#!/bin/sh\nexit 0\n' >"$dir/script"
package() { # FORMAT VERSION TIME
	touch -d "@$3" "$dir/script"
	cat >"$dir/nfpm.yaml" <<-END
		{name: demo, arch: x86_64, version: "$2", maintainer: a <a@localhost>, description: demo,
		 scripts: {postinstall: $dir/script}, contents: [{src: $dir/script, dst: /usr/bin/demo, file_info: {mode: 0755}}]}
	END
	go run "$nfpm" package --packager "$1" --config "$dir/nfpm.yaml" --target "$dir/demo.$1" >/dev/null
	sha256sum <"$dir/demo.$1"
}
version() { # VERSION: as it is in the apk
	package apk "$1" 1700000000 >/dev/null
	tar -xzOf "$dir/demo.apk" .PKGINFO 2>/dev/null | sed -n 's/^pkgver = //p'
}

for format in deb ipk; do
	[ "$(package $format 0.2.0 1700000000)" = "$(package $format 0.2.0 1700000100)" ] || changed "a $format depends on the time of a script"
done
[ "$(package apk 0.2.0 1700000000)" != "$(package apk 0.2.0 1700000100)" ] || changed "an apk does not depend on the time of a script"
[ "$(package apk 0.2.0 1700000000)" = "$(package apk 0.2.0 1700000000)" ] || changed "an apk depends on something else"
for version in 0.2.0-rc.1 0.2.0-5-gabc main; do
	written=$(version "$version")
	if echo "$written" | grep -Eqx '[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(~[0-9a-f]+)?(-r[0-9]+)?'; then
		changed "$version is written as $written"
	fi
	echo "$version: pkgver = $written"
done
[ "$(version 0.2.0-rc1)" = 0.2.0_rc1 ] || changed "0.2.0-rc1 is written as $(version 0.2.0-rc1)"
