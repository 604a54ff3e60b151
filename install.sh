#!/bin/sh
# Installs p2p, its manual and its completions, from this source tree or an unpacked release; removes it again.
set -eu
: "${HOME:=}"

newline='
'

usage() {
	cat <<'U'
usage: install.sh [--prefix DIR] [--binary FILE [--public-key KEY]] [--service[=KIND]]
       install.sh --uninstall [--prefix DIR]

  --prefix DIR      where to install; default ~/.local
  --binary FILE     install this binary instead of building one
  --public-key KEY  whose minisign signature must be in FILE.minisig: a key, or a file with it
  --service         run p2p proxy in the background, from now on and after each start; KIND is
                    systemd, launchd, openrc or procd, found out unless given
  --destdir DIR     put everything below DIR, as packages want it; nothing is started
  --uninstall       remove what an earlier run installed; keys and settings stay
U
}

main() { # the whole script is read before any of it runs
	here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
	prefix='' binary='' key='' service='' destdir='' action=install
	while [ $# -gt 0 ]; do
		case $1 in
		--prefix=* | --binary=* | --public-key=* | --destdir=*) option=${1%%=*} value=${1#*=} ;;
		--prefix | --binary | --public-key | --destdir)
			[ $# -ge 2 ] || wrong "$1 needs a value"
			option=$1 value=$2
			shift ;;
		--service) option='' service=here ;;
		--service=systemd | --service=launchd | --service=openrc | --service=procd) option='' service=${1#*=} ;;
		--service=*) wrong "there is no kind of service ${1#*=}" ;;
		--uninstall) option='' action=uninstall ;;
		-h | --help)
			usage
			exit 0 ;;
		*) wrong "unknown argument $1" ;;
		esac
		case $option in
		--prefix) prefix=$value ;;
		--binary) binary=$value ;;
		--public-key) key=$value ;;
		--destdir) destdir=$value ;;
		esac
		shift
	done
	[ -n "$prefix$HOME" ] || die 'HOME is not set: use --prefix'
	[ -n "$prefix" ] || prefix=$HOME/.local
	prefix=$(absolute "$prefix")
	[ -z "$destdir" ] || destdir=$(absolute "$destdir")
	[ -z "$binary" ] || binary=$(absolute "$binary")
	case $prefix$destdir in *"$newline"*) wrong 'a folder whose name has two lines is not for --prefix or --destdir' ;; esac
	list=$prefix/share/p2p/installed
	"$action"
}

absolute() { # PATH: seen from here, and as services want it: without dots in between and slashes at the end
	case $1 in /*) path=$1 ;; *) path=$(pwd -P)/$1 ;; esac
	printf '%s/\n' "$path" | sed -e 's|//*|/|g' -e :again -e 's|/\./|/|; t again' -e 's|^/\.\./|/|; t again' \
		-e 's|/[^/]*/\.\./|/|; t again' -e 's|\(.\)/$|\1|'
}

install() {
	[ -n "$binary" ] || [ ! -f "$here/p2p" ] || binary=$here/p2p # an unpacked release
	if [ -n "$binary" ]; then verify
	elif [ -n "$key" ]; then wrong '--public-key is for a --binary that was signed'
	else build; fi
	[ -x "$binary" ] || die "$binary is not a program (chmod +x makes a download one)"
	version=$("$binary" --version 2>/dev/null) || die "$binary does not run on this $(uname -m) machine"
	case $version in 'p2p '*) ;; *) die "$binary is another program than p2p" ;; esac
	[ "$service" != here ] || service=$(service_here)
	umask 022
	work=$(mktemp -d) || die 'there is no place for temporary files (see TMPDIR)'
	new=''
	trap 'rm -rf "$work"; [ -z "$new" ] || rm -f -- "$new"' EXIT
	trap 'exit 1' HUP INT TERM
	notes=$work/notes earlier=$work/earlier
	: >"$notes"
	if [ -f "$destdir$list" ]; then cp -- "$destdir$list" "$earlier"; else : >"$earlier"; fi
	[ -n "$service" ] || service=$(service_of "$earlier")
	[ -z "$service" ] || check_service
	# what is noted before it is done, --uninstall finds after an interruption too
	folder "${list%/*}"
	if ! cat "$notes" >>"$destdir$list"; then
		[ -s "$earlier" ] || { rm -f -- "$destdir$list" && remove_folders "$(folders "$notes")"; }
		die "cannot write $destdir$list (see --prefix)"
	fi

	put 755 "$binary" "$prefix/bin/p2p"
	for page in "$here"/man/*.[1-9]; do
		[ ! -f "$page" ] || put 644 "$page" "$prefix/share/man/man${page##*.}/${page##*/}"
	done
	completions bash "$prefix/share/bash-completion/completions/p2p"
	completions zsh "$prefix/share/zsh/site-functions/_p2p"
	completions fish "$prefix/share/fish/vendor_completions.d/p2p.fish"
	[ -z "$service" ] || put_service
	grep '/$' "$earlier" >>"$notes" || : # folders that an earlier version made
	while IFS= read -r file; do          # files that this version has not
		case $file in */) ;; *) grep -Fqx -e "$file" "$notes" || rm -f -- "$destdir$file" ;; esac
	done <"$earlier"
	put 644 "$notes" "$list"

	echo "installed $version in $prefix/bin"
	case :$PATH: in *":$prefix/bin:"*) ;; *) echo "note: $prefix/bin is not on your PATH" ;; esac
	[ -z "$service" ] || [ -n "$destdir" ] || start_service
	[ -n "$service" ] || echo "next: p2p init you@example.com"
}

build() {
	[ -f "$here/Cargo.toml" ] || die "$here is no source tree of p2p: run install.sh in one, or use --binary FILE"
	command -v cargo >/dev/null 2>&1 || die 'needs cargo (https://rustup.rs) or --binary FILE'
	(cd "$here" && cargo build --release --locked) || die 'the build failed'
	binary=$(cd "$here" && absolute "${CARGO_TARGET_DIR:-target}/release/p2p")
}

verify() { # a signature that is there, or asked for, has to be right
	[ -f "$binary" ] || die "there is no file $binary"
	if [ -z "$key" ]; then
		[ ! -f "$binary.minisig" ] || die "$binary is signed: say whose signature counts with --public-key KEY"
		return 0
	fi
	case $key in RW*) ;; *) [ -f "$key" ] || die "there is no file $key with a key" ;; esac # all keys begin so
	[ -f "$binary.minisig" ] || die "there is no signature $binary.minisig"
	command -v minisign >/dev/null 2>&1 || die 'needs minisign to check the signature'
	if [ -f "$key" ]; then
		minisign -V -q -m "$binary" -p "$key"
	else
		minisign -V -q -m "$binary" -P "$key"
	fi || die "$binary is not what the owner of that key has signed"
}

put() { # MODE SOURCE DESTINATION: replaces the file in one step
	folder "${3%/*}"
	note "$3"
	new=$destdir$3.p2p-new
	{ cp -- "$2" "$new" && chmod "$1" "$new" && mv -f -- "$new" "$destdir$3"; } ||
		die "cannot write $destdir$3 (see --prefix)"
	new=''
}

note() { # LINE: in the new list, and in the one that is there until that is whole
	printf '%s\n' "$1" >>"$notes"
	[ ! -f "$destdir$list" ] || printf '%s\n' "$1" >>"$destdir$list" || die "cannot write $destdir$list (see --prefix)"
}

folder() { # DIR: makes it where it is missing, and remembers that
	[ ! -d "$destdir$1/" ] || return 0
	[ -z "${1%/*}" ] || folder "${1%/*}"
	mkdir -p -- "$destdir$1" || die "cannot write to $destdir${1%/*} (see --prefix)"
	note "$1/"
}

completions() { # SHELL DESTINATION
	"$binary" completions "$1" >"$work/completions" || die "$binary makes no completions for $1"
	put 644 "$work/completions" "$2"
}

service_here() {
	if [ "$(uname -s)" = Darwin ]; then echo launchd
	elif [ -d /run/systemd/system ]; then echo systemd
	elif [ -x /sbin/procd ]; then echo procd
	elif [ -x /sbin/openrc-run ]; then echo openrc
	else die 'knows no way to run a service here: start p2p proxy in a way of your own'
	fi
}

service_of() { # LIST: the kind of service that was installed
	if grep -q 'systemd/.*/p2p\.service$' "$1"; then echo systemd
	elif grep -q '/LaunchAgents/p2p\.plist$' "$1"; then echo launchd
	elif grep -q '^/etc/config/p2p$' "$1"; then echo procd
	elif grep -q '^/etc/init\.d/p2p$' "$1"; then echo openrc
	fi
}

check_service() { # before anything is written
	case $service$prefix in *[!A-Za-z0-9/._+@\ -]* | openrc*\ *) die "a service cannot be started from $prefix: choose a plainer --prefix" ;; esac
	[ -n "$HOME" ] || is_root || die 'HOME is not set: a service of your own has no place'
	case $service in
	systemd)
		! is_root || case $prefix in
		/home/* | /root/*) die 'a service of the system cannot run from a home: use --prefix /usr/local' ;;
		esac ;;
	openrc) need_root 'addgroup -S p2p && adduser -S -D -H -G p2p p2p' ;;
	procd) need_root 'echo p2p:x:5050:5050::/etc/p2p:/bin/false >>/etc/passwd && echo p2p:x:5050: >>/etc/group' ;;
	esac
	[ -d "$here/packaging" ] || die "$here/packaging is missing: run install.sh of a whole release"
}

put_service() {
	case $service in
	systemd)
		if is_root; then put_unit 644 systemd/system/p2p.service /etc/systemd/system/p2p.service
		else put_unit 644 systemd/user/p2p.service "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/p2p.service"; fi ;;
	launchd) put_unit 644 launchd/p2p.plist "$HOME/Library/LaunchAgents/p2p.plist" ;;
	openrc) put_unit 755 openrc/p2p /etc/init.d/p2p ;;
	procd)
		put_unit 755 openwrt/p2p/files/p2p.init /etc/init.d/p2p
		put_unit 755 openwrt/p2p/files/p2p.ntp /etc/hotplug.d/ntp/50-p2p
		put_unit 644 openwrt/p2p/files/p2p.keep /lib/upgrade/keep.d/p2p
		# what its owner has set stays
		if [ -f "$destdir/etc/config/p2p" ]; then note /etc/config/p2p
		else put 600 "$here/packaging/openwrt/p2p/files/p2p.config" /etc/config/p2p; fi ;;
	esac
}

put_unit() { # MODE SOURCE DESTINATION: with the place of this binary in it
	sed "s|/usr/bin/p2p|$prefix/bin/p2p|" "$here/packaging/$2" >"$work/unit"
	put "$1" "$work/unit" "$3"
}

start_service() {
	case $service in
	systemd)
		if systemctl_ daemon-reload && systemctl_ enable p2p && systemctl_ restart p2p; then
			is_root || echo 'note: loginctl enable-linger keeps it running while you are logged out'
		else
			echo 'note: systemd cannot be reached; in a session of your own: systemctl --user enable --now p2p'
		fi ;;
	launchd)
		launchctl unload "$HOME/Library/LaunchAgents/p2p.plist" 2>/dev/null || :
		launchctl load -w "$HOME/Library/LaunchAgents/p2p.plist" ;;
	openrc) rc-update add p2p default && rc-service p2p restart ;;
	procd) /etc/init.d/p2p enable && /etc/init.d/p2p restart && echo 'next: uci set p2p.main.enabled=1; see /etc/config/p2p' ;;
	esac || echo "note: the service of $service could not be started"
}

stop_service() {
	case $service in
	systemd) systemctl_ disable --now p2p ;;
	launchd) launchctl unload -w "$HOME/Library/LaunchAgents/p2p.plist" ;;
	openrc) rc-service p2p stop && rc-update del p2p default ;;
	procd) /etc/init.d/p2p stop && /etc/init.d/p2p disable ;;
	esac || echo "note: the service of $service could not be ended"
}

systemctl_() {
	if is_root; then systemctl "$@"; else systemctl --user "$@"; fi
}

uninstall() {
	installed=$destdir$list
	[ -f "$installed" ] || die "nothing is installed under $prefix"
	service=$(service_of "$installed")
	[ -z "$service" ] || [ -n "$destdir" ] || stop_service
	folders=$(folders "$installed") left=0
	while IFS= read -r file; do
		case $file in
		*/) continue ;;
		/etc/config/p2p) cmp -s "$destdir$file" "$here/packaging/openwrt/p2p/files/p2p.config" || continue ;; # settings
		esac
		rm -f -- "$destdir$file" "$destdir$file.p2p-new" || left=1
	done <"$installed"
	[ "$left" -eq 0 ] || die "not all of it could be removed from $prefix"
	rm -f -- "$installed"
	remove_folders "$folders"
	state=${XDG_CONFIG_HOME:-$HOME/.config}/p2p
	case $service in
	openrc) state=/var/lib/p2p ;;
	procd) state='/etc/p2p and /etc/config/p2p' ;;
	systemd) ! is_root || state=/var/lib/p2p ;;
	esac
	echo "removed p2p from $prefix; keys and settings stay in $state"
}

folders() { grep '/$' "$1" | sort -ru || :; } # LIST: its folders, the inner ones first

remove_folders() { # FOLDERS
	printf '%s\n' "$1" | while IFS= read -r folder; do
		[ -z "$folder" ] || rmdir -- "$destdir$folder" 2>/dev/null || : # others use it by now
	done
}

is_root() { [ "$(id -u)" -eq 0 ]; }

need_root() { # COMMANDS that make the user p2p
	[ -z "$destdir" ] || return 0
	is_root || die "a service of $service is set up by root"
	id p2p >/dev/null 2>&1 || die "needs a user p2p: $1"
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
