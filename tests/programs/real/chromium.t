#!/bin/bash
# chromium.t: a headless browser draws a local page: its DOM after the scripts ran, and its picture.
# Chromium brings its own malloc for its own code; the libraries it loads and all its processes still meet ours.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/page.html" <<'END'
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>page</title>
<style>
body { font: 13px sans-serif; background: linear-gradient(120deg, #eef, #fed); }
table { border-collapse: collapse; } td { border: 1px solid #888; padding: 2px 5px; }
.box { display: inline-block; width: 40px; height: 40px; margin: 3px; border-radius: 9px; box-shadow: 2px 2px 5px #555; }
</style></head><body>
<h1>Rendered</h1><div id="boxes"></div><canvas id="canvas" width="400" height="200"></canvas><table id="table"></table><pre id="log"></pre>
<svg width="200" height="100"><defs><filter id="f"><feGaussianBlur stdDeviation="3"/></filter></defs>
<ellipse cx="100" cy="50" rx="80" ry="30" fill="teal" filter="url(#f)"/><path d="M10 80 C 40 10, 65 10, 95 80 S 150 150, 180 80" stroke="red" fill="none"/></svg>
<script>
let seed = 8;
const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;
const log = (...words) => document.getElementById('log').append(words.join(' ') + '\n');
for (let i = 0; i < 60; i++) {
	const box = document.createElement('div');
	box.className = 'box';
	box.style.background = `hsl(${random(360)} 60% 60%)`;
	document.getElementById('boxes').append(box);
}
for (let r = 0; r < 150; r++) {
	const row = document.getElementById('table').insertRow();
	for (let c = 0; c < 12; c++) row.insertCell().textContent = (random(100000)).toString(36);
}
const pen = document.getElementById('canvas').getContext('2d');
for (let i = 0; i < 300; i++) {
	pen.fillStyle = `rgba(${random(256)},${random(256)},${random(256)},.5)`;
	pen.beginPath(); pen.arc(random(400), random(200), random(30), 0, 7); pen.fill();
}
const words = new Map();
for (let i = 0; i < 200000; i++) { const key = 'k' + random(30000); words.set(key, (words.get(key) || '') + (i % 10)); }
log('words', words.size, [...words].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1))[0].join());
log('json', JSON.stringify([...words]).length, 'wasm', typeof WebAssembly);
const pixels = pen.getImageData(0, 0, 400, 200).data;
log('pixels', pixels.reduce((sum, p, i) => (Math.imul(sum, 31) + p + i) | 0, 0));
log('text', new DOMParser().parseFromString('<p>' + 'a<b>b</b>'.repeat(20000), 'text/html').querySelectorAll('b').length);
document.title = 'done';
</script></body></html>
END

# A server as far as the harness is concerned: it runs in the background, so that its memory map can be looked at.
browse() { # OPTION...: the page under a new profile; what the browser prints goes to the file printed
	serve sh -c 'exec "$@" >printed' sh chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
		--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
		--user-data-dir="$PWD/profile" --window-size=900,1400 --hide-scrollbars "$@" "file://$scratch/page.html"
	wait_for 10 is_browser "$server" && expect_loaded "$server"
	await_servers
	rm -rf profile
}

is_browser() { # PID: the process is past the shell scripts that start it, and has children already
	[[ $(readlink "/proc/$1/exe") == */chrom* ]] && [ -n "$(children "$1")" ]
}

session() {
	browse --dump-dom
	cat printed
	browse --screenshot="$PWD/page.png"
	digest page.png
}
need 'chromium: the DOM and the picture of a page' chromium &&
	twice 'chromium: the DOM and the picture of a page' session

done_testing
