#!/bin/sh
# Builds p2p from this source tree (or takes a binary) and installs it; removes it again.
set -eu

usage() {
	cat <<'U'
usage: install.sh [--prefix DIR] [--binary FILE]
       install.sh --uninstall [--prefix DIR]

  --prefix DIR   where to install; default ~/.local
  --binary FILE  install this binary instead of building one
  --uninstall    remove what an earlier run installed; keys and settings stay
U
}

main() { # the whole script is read before any of it runs
	here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
	prefix='' binary='' action=install
	while [ $# -gt 0 ]; do
		case $1 in
		--prefix=*) prefix=${1#*=} ;;
		--binary=*) binary=${1#*=} ;;
		--prefix | --binary)
			[ $# -ge 2 ] || wrong "$1 needs a value"
			case $1 in --prefix) prefix=$2 ;; --binary) binary=$2 ;; esac
			shift ;;
		--uninstall) action=uninstall ;;
		-h | --help)
			usage
			exit 0 ;;
		*) wrong "unknown argument $1" ;;
		esac
		shift
	done
	[ -n "$prefix" ] || prefix=${HOME:?HOME is not set: use --prefix}/.local
	case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
	list=$prefix/share/p2p/installed
	"$action"
}

install() {
	[ -n "$binary" ] || build
	[ -x "$binary" ] || die "$binary is not a program"
	"$binary" --version >/dev/null 2>&1 || die "$binary does not run on this $(uname -m) machine"
	umask 022
	mkdir -p "${list%/*}" || die "cannot write to $prefix (see --prefix)"
	: >"$list.new"
	put 755 "$binary" "$prefix/bin/p2p"
	if [ -f "$list" ]; then # files of an earlier version that this one has not
		while IFS= read -r file; do
			grep -Fqx -e "$file" "$list.new" || rm -f -- "$file"
		done <"$list"
	fi
	mv -f "$list.new" "$list"
	echo "installed $("$prefix/bin/p2p" --version) in $prefix/bin"
	case :$PATH: in *":$prefix/bin:"*) ;; *) echo "note: $prefix/bin is not on your PATH" ;; esac
	echo "next: p2p init you@example.com"
}

build() {
	command -v cargo >/dev/null 2>&1 || die 'needs cargo (https://rustup.rs) or --binary FILE'
	(cd "$here" && cargo build --release --locked) || die 'the build failed'
	binary=${CARGO_TARGET_DIR:-$here/target}/release/p2p
}

put() { # MODE SOURCE DESTINATION: replaces the file in one step
	mkdir -p "${3%/*}"
	cp -- "$2" "$3.new.$$"
	chmod "$1" "$3.new.$$"
	mv -f -- "$3.new.$$" "$3"
	printf '%s\n' "$3" >>"$list.new"
}

uninstall() {
	[ -f "$list" ] || die "nothing is installed under $prefix"
	while IFS= read -r file; do rm -f -- "$file"; done <"$list"
	rm -f -- "$list"
	rmdir "${list%/*}" 2>/dev/null || :
	echo "removed p2p from $prefix; keys and settings stay in ~/.config/p2p"
}

wrong() {
	usage >&2
	printf 'install.sh: %s\n' "$*" >&2
	exit 2
}

die() {
	printf 'install.sh: %s\n' "$*" >&2
	exit 1
}

main "$@"
