#!/bin/bash
# node.t: V8 and libuv: objects, JSON, buffers, compression in the thread pool, workers, a server, child processes.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.js" <<'END'
'use strict';
const crypto = require('crypto'), http = require('http'), zlib = require('zlib');
const { execFileSync } = require('child_process');
const { promisify } = require('util');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

let seed = 3;
const random = n => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % n;
const digest = data => crypto.createHash('sha256').update(data).digest('hex').slice(0, 16);

function objects() {
	const table = new Map(), list = [];
	for (let i = 0; i < 400000; i++) {
		const key = 'k' + random(90000);
		table.set(key, (table.get(key) || 0) + i);
		list.push({ key, tags: [i, i * 2], text: key.repeat(i % 4) });
		if (list.length > 50000) list.splice(0, 40000);
	}
	const sorted = [...table].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
	console.log('objects', table.size, sorted[0].join(), digest(JSON.stringify(sorted)));
	const text = JSON.stringify(list, null, 1);
	console.log('json', text.length, digest(text), JSON.parse(text).length, text.match(/"k\d*77"/g).length);
	return text;
}

function buffers() {
	let total = 0;
	const kept = [];
	for (let i = 0; i < 60000; i++) {
		const size = i % 100 ? random(3000) : random(2000000);
		const one = i % 2 ? Buffer.alloc(size, i & 255) : Buffer.allocUnsafeSlow(size).fill(i & 255);
		if (size && (one[0] !== (i & 255) || one[size - 1] !== (i & 255))) throw new Error('a buffer lost its content');
		kept[i % 200] = one;
		total += size;
	}
	const joined = Buffer.concat(kept);
	console.log('buffers', total, joined.length, digest(joined));
	console.log('typed', digest(Buffer.from(new Float64Array(2e6).map((_, i) => Math.sqrt(i)).sort().buffer)));
}

async function pool(text) {
	const pieces = [0, 1, 2, 3, 4, 5, 6, 7].map(n => Buffer.from(text.slice(n * 200000, (n + 2) * 200000)));
	const packed = await Promise.all(pieces.flatMap(p => [promisify(zlib.deflate)(p), promisify(zlib.brotliCompress)(p, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } })]));
	const unpacked = await Promise.all(packed.map((p, i) => promisify(i % 2 ? zlib.brotliDecompress : zlib.inflate)(p)));
	console.log('pool', packed.map(p => p.length).join(), unpacked.every((u, i) => u.equals(pieces[i >> 1])));
	const keys = await Promise.all([1, 2, 3, 4].map(n => promisify(crypto.scrypt)('secret', 'salt' + n, 32, { N: 4096 })));
	console.log('scrypt', keys.map(k => k.toString('hex').slice(0, 8)).join());
}

function inWorker(n) {
	return new Promise((resolve, reject) => {
		const worker = new Worker(__filename, { workerData: n });
		worker.once('message', resolve);
		worker.once('error', reject);
	});
}

async function workers() {
	console.log('workers', (await Promise.all([...Array(6).keys()].map(inWorker))).join());
	console.log('again', (await Promise.all([...Array(6).keys()].map(inWorker))).join());
}

function workerMain() {
	seed = workerData + 1;
	const words = {};
	for (let i = 0; i < 80000; i++) words['w' + random(20000)] = [i, String(i).padStart(30)];
	const packed = zlib.gzipSync(JSON.stringify(words));
	parentPort.postMessage(workerData + ':' + digest(zlib.gunzipSync(packed)));
}

async function server() {
	const listening = http.createServer((request, answer) => {
		const parts = [];
		request.on('data', part => parts.push(part));
		request.on('end', () => answer.end(digest(Buffer.concat(parts)) + request.url));
	});
	await new Promise(resolve => listening.listen(0, '127.0.0.1', resolve));
	const post = n => new Promise((resolve, reject) => {
		const request = http.request({ port: listening.address().port, host: '127.0.0.1', method: 'POST', path: '/' + n, agent: false }, answer => {
			let text = '';
			answer.on('data', part => text += part).on('end', () => resolve(text));
		});
		request.on('error', reject);
		request.end(Buffer.alloc(n * 1500, n));
	});
	console.log('http', digest((await Promise.all([...Array(200).keys()].map(post))).join()));
	listening.close();
}

async function main() {
	const text = objects();
	buffers();
	await pool(text);
	await workers();
	await server();
	console.log('child', execFileSync(process.execPath, ['-p', '[1, 2, 3].map(n => n * n).join()']).toString().trim());
}

if (isMainThread) main(); else workerMain();
END
need 'node: objects, JSON, buffers, thread pool, workers, http' node &&
	same 'node: objects, JSON, buffers, thread pool, workers, http' node "$scratch/work.js"

done_testing
