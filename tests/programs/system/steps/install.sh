#!/bin/bash
# install.sh: apt installs several hundred packages with all their scripts. Compared: apt's and dpkg's words in their order,
# the state of every package, and name, owner, mode, size and checksum of every file of the system.
. "$(dirname "$0")/../inside.sh"

packages=(
	build-essential devscripts git vim-nox emacs-nox openssh-server exim4-daemon-light apache2 php-cli php-xml ruby nodejs
	default-jre-headless python3-numpy python3-lxml man-db locales systemd dbus samba mariadb-server slapd bind9 squid
	texlive-latex-base ghostscript imagemagick gnupg zsh gnuplot-nox lua5.4 swi-prolog-nox cmake clang gdb subversion
	rsyslog snmpd xfonts-base fontconfig shared-mime-info libgtk-3-0 librsvg2-common iso-codes wamerican
)

fetch() {
	apt-get update
	apt-get install -y --download-only "${packages[@]}"
}

prepare() {
	apt-get update
}

list_files() { # ACTION OF FIND...: of the system, without the work and what makes the two sides differ
	find / -xdev \( -path /trial -o -path /system -o -path /var/cache/apt -o -path /tmp -o -path /etc/ld.so.preload \
		-o -path /usr/local/lib \) -prune -o "$@"
}

digest_files() {
	list_files -printf '%p %y %M %u %g %l\n' | sort
	list_files -type f -printf '%p %s bytes\n' | sort
	list_files -type f -print0 | sort -z | xargs -0 sha256sum | awk '{ print $2, $1 }'
}

session() {
	apt-get install -y "${packages[@]}"
	dpkg --audit
	dpkg-query -W -f '${Package} ${Version} ${Status}\n'
	digest_files
}

# What two plain installs differ in: size and checksum of these files are not compared. Extended regular expressions.
varying=(
	# random numbers: keys and names of this one system
	'/etc/machine-id' '/var/lib/dbus/machine-id' '/etc/ssh/ssh_host_.*' '/etc/bind/rndc.key'
	# the time, or the order of entries in a folder: logs, databases, keystores, configurations, caches
	'/var/log/.*' '/var/lib/ldap/.*' '/var/lib/mysql/.*' '/etc/ldap/slapd.d/.*' '/etc/ssl/certs/java/cacerts'
	'/var/cache/fontconfig/.*' '/var/cache/ldconfig/aux-cache' '/var/lib/texmf/web2c/.*[.]log' '/var/lib/texmf/ls-R'
	# parts of arrays that TeX writes and never set: under glibc they differ with MALLOC_PERTURB_ alike
	'/var/lib/texmf/web2c/.*[.](fmt|base)'
)

filter() {
	local paths
	paths=$(printf '%s|' "${varying[@]}")
	grep -avE "^(${paths%|}) ([0-9]+ bytes|[0-9a-f]{64})$" | sed -E 's/^([0-9]+) SHA256:[^ ]+ (root@)/\1 SHA256:KEY \2/'
}

main "$@"
