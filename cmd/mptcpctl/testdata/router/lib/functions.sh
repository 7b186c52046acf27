# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Stands for what OpenWrt's functions.sh does for packages that are installed and
# removed: a service is enabled and started, alternatives are linked. ROOT is in the
# environment, and the name of the package in pkgname or in the path of the script.

package_list() {
	pkgname=${pkgname:-$(basename "${1%.*}")}
	for list in "$ROOT/lib/apk/packages/$pkgname.list" "$ROOT/usr/lib/opkg/info/$pkgname.list"; do
		[ ! -e "$list" ] || break
	done
}

package_script() { # NAME
	[ ! -f "$ROOT/usr/lib/opkg/info/$pkgname.$1-pkg" ] || ( . "$ROOT/usr/lib/opkg/info/$pkgname.$1-pkg" )
}

alternatives() { # LINK TO THE PROGRAM
	[ -e "$ROOT/lib/apk/packages/$pkgname.alternatives" ] || return 0
	for alternative in $(cat "$ROOT/lib/apk/packages/$pkgname.alternatives"); do
		link=${alternative#*:}
		link=$ROOT${link%:*}
		case $1 in
		install) ln -sf "${alternative##*:}" "$link" ;;
		remove) ln -sf "$ROOT/bin/busybox" "$link" ;;
		esac
	done
}

default_postinst() {
	package_list "$1"
	alternatives install
	package_script postinst
	for init in $(grep '^/etc/init.d/' "$list"); do
		if [ -n "$IPKG_INSTROOT" ]; then
			sh "$ROOT/etc/rc.common" "$ROOT$init" enable
		else
			[ "${PKG_UPGRADE:-0}" = 1 ] || "$ROOT$init" enable
			"$ROOT$init" start
		fi
	done
}

default_prerm() {
	package_list "$1"
	alternatives remove
	package_script prerm
	for init in $(grep '^/etc/init.d/' "$list"); do
		if [ -n "$IPKG_INSTROOT" ]; then
			sh "$ROOT/etc/rc.common" "$ROOT$init" disable
		else
			[ "${PKG_UPGRADE:-0}" = 1 ] || "$ROOT$init" disable
			"$ROOT$init" stop
		fi
	done
}
