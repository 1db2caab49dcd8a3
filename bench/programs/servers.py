"""servers.py: the real programs that serve: how each is started, loaded and told to forget. Each listens on 127.0.0.1 or on a
socket in the run's folder, and is loaded by a fixed amount of requests.
"""

import glob
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from kinds import INPUTS, Server
from measure import Failed, quiet_check, wait_until

POSTGRES = next(
    (Path(path).parent for path in sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"), reverse=True)),
    Path("/usr/lib/postgresql/bin"),
)


class Redis(Server):
    keys = 100000

    def socket(self, context):
        return context.folder / "redis.sock"

    def server(self, context):
        return [
            "/usr/bin/redis-server", "--port", "0", "--unixsocket", self.socket(context), "--save", "",
            "--appendonly", "no", "--dir", context.folder, "--daemonize", "no", "--hz", "10",
        ]

    def ready(self, context):
        return "PONG" in self.client(context, "ping")

    def client(self, context, *words):
        return quiet_check(["/usr/bin/redis-cli", "-s", self.socket(context), *words], context.folder)

    def load(self, context):
        common = [
            "/usr/bin/redis-benchmark", "-s", self.socket(context), "-q", "-n", context.size, "-c", "20", "-P", "16",
        ]
        start = time.monotonic()
        for tests, length in (
            ("set", 24), ("set", 300), ("set", 90), ("get,set", 2000), ("lpush,sadd,zadd,hset", 120),
        ):
            quiet_check([*common, "-t", tests, "-d", length, "-r", self.keys], context.folder)
        return time.monotonic() - start

    def settle(self, context):
        """Nine of ten keys go, spread over all of them, and all but 100 entries of the list."""
        script = (
            f"for i = 0, {self.keys - 1} do if i % 10 > 0 then "
            "redis.call('DEL', string.format('key:%012d', i)) end end "
            "redis.call('LTRIM', 'mylist', 0, 99) redis.call('DEL', 'myset', 'myzset', 'myhash')"
        )
        self.client(context, "eval", script, "0")
        return True


class RedisCache(Redis):
    """A bounded cache whose values change their size, filled through one connection; then all of it is dropped at once."""

    full_size = 700000  # first values at the full size, for which the bound is 100 MB

    def second_size(self, context):
        return context.size * 17 // 70

    def prepare(self, context):
        for name, count, length in (("first", context.size, 240), ("second", self.second_size(context), 492)):
            with open(context.input / name, "w", encoding="ascii", newline="") as file:
                for i in range(count):
                    key = f"{name}:{i:07}"
                    file.write(
                        f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${length}\r\n{str(i) * length:.{length}}\r\n"
                    )

    def server(self, context):
        # An empty server needs some 2 MB.
        most = max(8 << 20, (100 << 20) * context.size // self.full_size)
        return [*super().server(context), "--maxmemory", most, "--maxmemory-policy", "allkeys-lru"]

    def load(self, context):
        start = time.monotonic()
        for name, count in (("first", context.size), ("second", self.second_size(context))):
            with open(context.input / name, "rb") as source:
                said = quiet_check(
                    ["/usr/bin/redis-cli", "-s", self.socket(context), "--pipe"], context.folder, stdin=source
                )
            if f"errors: 0, replies: {count}" not in said:
                raise Failed("redis-cli: some of the values were not taken")
        return time.monotonic() - start

    def settle(self, context):
        """One second after this the size is taken: two after all is gone."""
        self.client(context, "flushall", "sync")
        time.sleep(1)
        return True


class Memcached(Server):
    # Lengths of keys and values with their shares, mostly small; three sets to seven gets.
    config = "key\n16 32 1\nvalue\n16 64 0.3\n65 512 0.4\n513 4096 0.25\n4097 20000 0.05\ncmd\n0 0.3\n1 0.7\n"

    def prepare(self, context):
        (context.input / "load.conf").write_text(self.config, encoding="ascii")

    def server(self, context):
        return [
            "/usr/bin/memcached", "-l", "127.0.0.1", "-p", context.port, "-U", "0", "-m", "1024", "-t", "2", "-u",
            "nobody",
        ]

    def ready(self, context):
        with socket.create_connection(("127.0.0.1", context.port), 1):
            return True

    def load(self, context):
        start = time.monotonic()
        quiet_check(
            [
                "/usr/bin/memcaslap", "-s", f"127.0.0.1:{context.port}", "-F", context.input / "load.conf", "-T", "1",
                "-c", "16", "-x", context.size,
            ],
            context.folder,
        )
        return time.monotonic() - start


class Postgres(Server):
    user = "pgbench"

    def client(self, context, *words, folder=None):
        return quiet_check(
            [*self.become, *words, "-h", context.folder, "-p", "5432", "-U", self.user], context.folder
        )

    def prepare(self, context):
        shutil.chown(context.input, *self.owner())
        shutil.chown(context.folder, *self.owner())
        quiet_check(
            [
                *self.become, POSTGRES / "initdb", "-D", context.input / "data", "-U", self.user, "-A", "trust", "-E",
                "UTF8", "--locale=C", "--no-sync",
            ],
            context.input,
        )
        server = subprocess.Popen(
            [*self.become, *map(str, self.serve(context, context.input / "data"))], cwd=context.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            wait_until(lambda: self.ready(context), 30, "PostgreSQL")
            self.client(context, POSTGRES / "pgbench", "-q", "-i", "-s", "1", "postgres")
        finally:
            server.terminate()
            server.wait(30)

    def owner(self):
        return ("postgres", "postgres") if self.become else (None, -1)

    def fresh(self, context):
        quiet_check(
            ["/bin/cp", "-a", "--reflink=auto", context.input / "data", context.folder / "data"], context.folder
        )
        if self.become:
            shutil.chown(context.folder, *self.owner())

    def serve(self, context, data):
        return [
            POSTGRES / "postgres", "-D", data, "-k", context.folder, "-c", "listen_addresses=", "-c", "fsync=off",
            "-c", "shared_buffers=64MB", "-c", "autovacuum=off",
        ]

    def server(self, context):
        return self.serve(context, context.folder / "data")

    def ready(self, context):
        return "accepting" in self.client(context, POSTGRES / "pg_isready")

    def load(self, context):
        start = time.monotonic()
        self.client(
            context, POSTGRES / "pgbench", "-n", "-c", "4", "-j", "2", "-t", context.size, "--random-seed=42", "-b",
            "tpcb-like@9", "-f", f"{INPUTS / 'query.sql'}@1", "postgres",
        )
        return time.monotonic() - start


class Nginx(Server):
    requests = 10000  # what the time is given for: wrk loads for a time, not for a number

    def prepare(self, context):
        www = context.input / "www"
        www.mkdir()
        for n in range(1, 21):
            (www / f"{n}.txt").write_text(f"word {n} and more of it\n" * n * n * 10, encoding="ascii")
        (www / "page.shtml").write_text(
            '<html><!--#include virtual="/2.txt" --><p>NAME</p></html>\n', encoding="ascii"
        )

    def fresh(self, context):
        paths = "".join(
            f"{name}_temp_path {context.folder}/{name}; " for name in ("proxy", "fastcgi", "uwsgi", "scgi")
        )
        (context.folder / "nginx.conf").write_text(
            f"""daemon off; worker_processes 1; pid {context.folder}/pid; error_log stderr error;
events {{ worker_connections 512; }}
http {{
	access_log off; types {{ text/plain txt; text/html shtml; }}
	client_body_temp_path {context.folder}/body; {paths}
	gzip_types text/plain; gzip_min_length 100;
	server {{
		listen 127.0.0.1:{context.port}; root {context.input}/www;
		location / {{ gzip on; }}
		location ~ shtml$ {{ ssi on; sub_filter NAME nginx; }}
		location /proxy/ {{ proxy_pass http://127.0.0.1:{context.port}/; proxy_buffers 8 4k; sub_filter_once off;
			sub_filter word WORD; sub_filter_types *; }}
	}}
}}
""",
            encoding="ascii",
        )

    def server(self, context):
        return ["/usr/sbin/nginx", "-p", context.folder, "-c", context.folder / "nginx.conf", "-e", "stderr"]

    def ready(self, context):
        with socket.create_connection(("127.0.0.1", context.port), 1):
            return True

    def load(self, context):
        parts = [("Accept-Encoding: gzip", "6.txt"), ("Accept: */*", "page.shtml"), ("Accept: */*", "proxy/3.txt")]
        return sum(self.requests / self.rate(context, *part) for part in parts[: context.size])

    def rate(self, context, header, path):
        said = quiet_check(
            [
                "/usr/bin/wrk", "-t", "1", "-c", "40", "-d", "1s", "-H", header,
                f"http://127.0.0.1:{context.port}/{path}",
            ],
            context.folder,
        )
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if not found or float(found[1]) == 0 or "Non-2xx" in said:
            raise Failed("wrk got no good answers")
        return float(found[1])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def become_postgres():
    """The server refuses to run as root."""
    return ("/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups") if os.getuid() == 0 else ()
