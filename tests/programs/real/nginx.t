#!/bin/bash
# nginx.t: files of many sizes, compressed, rewritten and proxied, fetched by curl while wrk loads the server.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

write_files() {
	local n
	mkdir -p www temp
	for n in {1..40}; do seq -s "word $n " $((n * n * 20)) >"www/$n.txt"; done
	head -c 3000000 /dev/zero | tr '\0' z >www/large.bin
	printf '<html><!--#include virtual="/3.txt" --><p>NAME</p><!--#echo var="uri" --></html>\n' >www/page.shtml
}

write_config() { # PORT
	cat >nginx.conf <<-END
	daemon off;
	user $(id -un) $(id -gn);
	worker_processes 2;
	pid $PWD/nginx.pid;
	error_log stderr error;
	events { worker_connections 512; }
	http {
		access_log off;
		types { text/plain txt; text/html shtml; }
		client_body_temp_path $PWD/temp/body; proxy_temp_path $PWD/temp/proxy; fastcgi_temp_path $PWD/temp/fastcgi;
		uwsgi_temp_path $PWD/temp/uwsgi; scgi_temp_path $PWD/temp/scgi;
		proxy_cache_path $PWD/temp/cache keys_zone=cache:1m;
		gzip_types text/plain; gzip_min_length 100;
		server {
			listen 127.0.0.1:$1;
			root $PWD/www;
			location / { gzip on; }
			location ~ shtml\$ { ssi on; sub_filter NAME nginx; }
			location /proxy/ { proxy_pass http://127.0.0.1:$1/; proxy_buffers 4 4k; sub_filter_once off; sub_filter word WORD; sub_filter_types *; }
			location /cached/ { proxy_pass http://127.0.0.1:$1/; proxy_cache cache; proxy_cache_valid 200 1m; }
			location /old/ { rewrite ^/old/([0-9]+)\$ /\$1.txt redirect; }
		}
	}
	END
}

fetch_all() { # URL
	local n
	for n in {1..40}; do
		curl -s "$1/$n.txt" "$1/proxy/$n.txt" "$1/cached/$n.txt" | sha256sum
		curl -s -H 'Accept-Encoding: gzip' "$1/$n.txt" | sha256sum
	done
	curl -s -L "$1/old/7" "$1/page.shtml" | sha256sum
	curl -s -r 100-200,5000-5100 "$1/40.txt" | sed -e '/^--/d' | sha256sum # less the boundary, a counter
	curl -s "$1/large.bin" "$1/proxy/large.bin" | sha256sum
	curl -s -w '%{http_code}\n' "$1/missing"
}

load() { # URL: wrk's own complaints, if any
	run wrk -t 2 -c 40 -d 1s "$1" | tee /dev/stderr | grep -E 'Socket errors|Non-2xx'
}

session() {
	local port url
	port=$(free_port)
	url=http://127.0.0.1:$port
	write_files
	write_config "$port"
	serve nginx -p "$PWD" -c "$PWD/nginx.conf" -e stderr
	wait_for 10 curl -s -o /dev/null "$url/1.txt" || return
	expect_loaded "$server" $(children "$server")
	load "$url/20.txt" &
	local loading=$!
	export -f fetch_all
	run bash -c "fetch_all $url"
	wait "$loading"
	load "$url/proxy/5.txt"
	kill -HUP "$server" # new workers while clients go on
	run bash -c "fetch_all $url"
	expect_loaded $(children "$server")
}
need 'nginx: files, gzip, proxy, cache, reload, under load' nginx curl wrk &&
	twice 'nginx: files, gzip, proxy, cache, reload, under load' session

done_testing
