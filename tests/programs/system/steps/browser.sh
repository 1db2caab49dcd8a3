#!/bin/bash
# browser.sh: Chromium, headless, draws a page whose script builds it. Compared: the DOM afterwards, and every pixel of its picture.
. "$(dirname "$0")/../inside.sh"

packages=(chromium fonts-dejavu-core imagemagick)

write_page() {
	cat <<-'END'
		<!DOCTYPE html><html><head><meta charset="utf-8"><title>page</title><style>
		body { font: 14px 'DejaVu Sans'; background: linear-gradient(#eef, #fed); }
		i { display: inline-block; width: 30px; height: 30px; margin: 2px; border-radius: 8px; box-shadow: 2px 2px 4px #555; }
		</style></head><body><h1>Drawn</h1><div id="boxes"></div><canvas id="c" width="500" height="200"></canvas>
		<table id="t" border="1"></table><pre id="log"></pre><script>
		let seed = 3;
		const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;
		const log = text => document.getElementById('log').append(text + '\n');
		for (let i = 0; i < 90; i++) {
			const box = document.createElement('i');
			box.style.background = `hsl(${random(360)} 60% 60%)`;
			document.getElementById('boxes').append(box);
		}
		for (let r = 0; r < 80; r++) {
			const row = document.getElementById('t').insertRow();
			for (let c = 0; c < 10; c++) row.insertCell().textContent = random(100000).toString(36);
		}
		const pen = document.getElementById('c').getContext('2d');
		for (let i = 0; i < 400; i++) {
			pen.fillStyle = `rgba(${random(256)},${random(256)},${random(256)},.5)`;
			pen.beginPath(); pen.arc(random(500), random(200), random(30), 0, 7); pen.fill();
		}
		const words = new Map();
		for (let i = 0; i < 300000; i++) { const k = 'k' + random(40000); words.set(k, (words.get(k) || '') + i % 10); }
		log(words.size + ' ' + [...words.values()].reduce((sum, w) => sum + w.length, 0));
		log([...words.keys()].sort().slice(0, 20).join());
		log(new DOMParser().parseFromString('<p>' + 'a<b>b</b>'.repeat(30000), 'text/html').querySelectorAll('b').length);
		</script></body></html>
	END
}

browse() { # OPTION...
	timeout -k 5 200 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync --user-data-dir=/trial/home/profile --window-size=900,2400 --hide-scrollbars \
		"$@" file:///trial/home/page.html
}

draw() {
	cd
	write_page >page.html
	browse --dump-dom
	browse --screenshot=/trial/home/page.png >&2
	convert page.png rgb:- | sha256sum
	identify -format '%w x %h, %k colours\n' page.png
	browse --print-to-pdf=/trial/home/page.pdf >&2
	head -c 4 page.pdf
}

session() {
	export -f write_page browse draw
	as_user bash -e -o pipefail -c draw
}

main "$@"
