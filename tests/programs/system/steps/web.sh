#!/bin/bash
# web.sh: nginx under load, with gzip and a proxied second server. Compared: what the load generator counted, and what was fetched.
. "$(dirname "$0")/../inside.sh"

packages=(nginx-light apache2-utils curl)

configure() {
	mkdir -p /trial/web/files
	seq 1 200000 >/trial/web/files/long.txt
	seq 1 300 >/trial/web/files/short.txt
	head -c 3000000 /usr/bin/perl >/trial/web/files/binary
	cat >/trial/web/nginx.conf <<-'END'
		pid /trial/web/pid; error_log /trial/web/error.log; worker_processes 2;
		events { worker_connections 512; }
		http {
			access_log /trial/web/access.log; types { text/plain txt; } gzip on; gzip_types text/plain; gzip_min_length 10;
			gzip_http_version 1.0; gzip_proxied any; # as ab speaks it
			server { listen 127.0.0.1:8080; root /trial/web/files; location /proxy/ { proxy_pass http://127.0.0.1:8081/; } }
			server { listen 127.0.0.1:8081; root /trial/web/files; autoindex on; }
		}
	END
}

load() { # REQUESTS PATH OPTION...
	local requests=$1 path=$2
	shift 2
	ab -q -n "$requests" -c 24 "$@" "http://127.0.0.1:8080$path" |
		grep -E '^(Document (Path|Length)|Complete requests|Failed requests|Non-2xx|HTML transferred)'
}

session() {
	configure
	nginx -c /trial/web/nginx.conf
	wait_for 10 curl -sf http://127.0.0.1:8080/short.txt
	load 20000 /short.txt
	load 20000 /short.txt -k
	load 2000 /proxy/short.txt -H 'Accept-Encoding: gzip'
	load 300 /long.txt -H 'Accept-Encoding: gzip'
	load 200 /proxy/binary
	for path in short.txt long.txt binary proxy/long.txt proxy/binary; do
		echo "$path $(curl -s "http://127.0.0.1:8080/$path" | sha256sum)"
		echo "$path, packed $(curl -s --compressed "http://127.0.0.1:8080/$path" | sha256sum)"
	done
	nginx -c /trial/web/nginx.conf -s reload
	load 2000 /short.txt
	nginx -c /trial/web/nginx.conf -s quit
	wait_for 10 test ! -e /trial/web/pid
	wc -l </trial/web/access.log
	grep -E 'alert|crit|emerg|signal 11|signal 6' /trial/web/error.log || true
}

main "$@"
