// work.js: maps, JSON, buffers outside the JavaScript heap, compression in the thread pool. usage: work.js COUNT
'use strict';
const zlib = require('zlib');
const { promisify } = require('util');

const count = Number(process.argv[2]);
let seed = 3;
const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;

function objects() {
	const table = new Map(), list = [];
	for (let i = 0; i < count; i++) {
		const key = 'k' + random(count / 4);
		table.set(key, (table.get(key) || 0) + i);
		list.push({ key, tags: [i, i * 2], text: key.repeat(i % 4) });
		if (list.length > 50000) list.splice(0, 40000);
	}
	const text = JSON.stringify(list);
	console.log('objects', table.size, text.length, JSON.parse(text).length);
	return text;
}

function buffers() {
	const kept = [];
	let total = 0;
	for (let i = 0; i < count / 2; i++) {
		const size = i % 200 ? random(3000) : random(500000);
		kept[i % 500] = i % 2 ? Buffer.alloc(size, i & 255) : Buffer.allocUnsafeSlow(size).fill(i & 255);
		total += size;
	}
	console.log('buffers', total, Buffer.concat(kept).length);
}

async function pool(text) {
	const pieces = [...Array(8).keys()].map(n => Buffer.from(text.slice(n * 50000, (n + 8) * 50000)));
	const packed = await Promise.all(pieces.map(piece => promisify(zlib.deflate)(piece)));
	const unpacked = await Promise.all(packed.map(piece => promisify(zlib.inflate)(piece)));
	console.log('pool', unpacked.every((one, i) => one.equals(pieces[i])));
}

const text = objects();
buffers();
pool(text);
