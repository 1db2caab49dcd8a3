#!/bin/bash
# php.t: PHP with all extensions that Debian turns on: it opens them with RTLD_DEEPBIND. Strings, JSON, regular expressions,
# multibyte texts, XML, sorting, generators, the compiler's cache.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.php" <<'END'
<?php
mt_srand(7);

function records(int $n): array {
	$all = [];
	for ($i = 0; $i < $n; $i++)
		$all[] = ['id' => $i, 'name' => bin2hex(pack('N', mt_rand())), 'tags' => array_fill(0, $i % 7, "t$i"),
			'text' => str_repeat('Grüße, Ωmega ', mt_rand(0, 20))];
	return $all;
}

function json(array $records): void {
	$text = json_encode($records, JSON_UNESCAPED_UNICODE);
	echo strlen($text), ' ', hash('sha256', $text), ' ', json_decode($text, true) == $records ? 'same' : 'other', "\n";
	foreach (['{"a":', '[1,]', "\"\xff\""] as $wrong) {
		json_decode($wrong);
		echo json_last_error_msg(), "\n";
	}
}

function sorting(array $records): void {
	usort($records, fn($a, $b) => strlen($a['text']) <=> strlen($b['text']) ?: strcmp($a['name'], $b['name']));
	echo $records[0]['name'], ' ', end($records)['name'], ' ', hash('crc32b', implode(array_column($records, 'name'))), "\n";
	$words = [];
	foreach ($records as $record)
		foreach (preg_split('/\W+/u', $record['text'], -1, PREG_SPLIT_NO_EMPTY) as $word)
			$words[$word] = ($words[$word] ?? 0) + 1;
	arsort($words);
	print_r($words);
	$heap = new SplMinHeap;
	foreach ($records as $record)
		$heap->insert([strlen($record['text']), $record['id']]);
	for ($i = 0; $i < 5; $i++)
		echo implode(':', $heap->extract()), ' ';
	echo count($heap), "\n";
}

function expressions(array $records): void {
	$text = implode("\n", array_column($records, 'text'));
	echo preg_match_all('/(?<=, )(\p{Greek})(\w+)/u', $text, $found), ' ', count(array_unique($found[0])), "\n";
	$changed = preg_replace_callback('/Gr(\S+),/u', fn($m) => strrev($m[1]) . mt_rand(0, 9), $text);
	echo strlen($changed), ' ', md5($changed), "\n";
	if (extension_loaded('mbstring'))
		echo mb_strlen($text), ' ', md5(mb_strtoupper($text)), ' ', md5(mb_convert_encoding($text, 'UTF-16LE', 'UTF-8')), ' ',
			mb_substr(mb_convert_case($text, MB_CASE_TITLE), 0, 20), "\n";
	echo md5(iconv('UTF-8', 'ISO-8859-1//TRANSLIT', str_replace('Ω', 'O', $text))), "\n";
}

function xml(array $records): void {
	if (!extension_loaded('dom'))
		return;
	$document = new DOMDocument('1.0', 'UTF-8');
	$root = $document->appendChild($document->createElement('records'));
	foreach (array_slice($records, 0, 2000) as $record) {
		$node = $root->appendChild($document->createElement('record'));
		$node->setAttribute('name', $record['name']);
		$node->appendChild($document->createTextNode($record['text']));
	}
	$text = $document->saveXML();
	$read = simplexml_load_string($text);
	echo strlen($text), ' ', md5($text), ' ', count($read->record), ' ', count($read->xpath('//record[starts-with(@name, "a")]')), "\n";
	libxml_use_internal_errors(true);
	var_dump(simplexml_load_string('<a><b></a>'));
	echo count(libxml_get_errors()), "\n";
}

function lines(array $records): Generator {
	foreach ($records as $record)
		yield serialize($record);
}

function closures(array $records): void {
	$size = 0;
	foreach (lines($records) as $line)
		$size += strlen($line) + count(unserialize($line)['tags']);
	$packed = gzcompress(implode(iterator_to_array(lines($records))), 6);
	echo $size, ' ', md5(gzuncompress($packed)), "\n";
	$cycles = [];
	for ($i = 0; $i < 20000; $i++) {
		$node = new stdClass;
		$node->self = $node;
		$node->next = $cycles[$i % 100] ?? null;
		$cycles[$i % 100] = $node;
	}
	$cycles = [];
	echo gc_collect_cycles() > 0 ? 'collected' : 'kept', "\n";
	try {
		intdiv(1, 0);
	} catch (DivisionByZeroError $error) {
		echo get_class($error), ': ', $error->getMessage(), "\n";
	}
}

$records = records(8000);
echo implode(' ', get_loaded_extensions()), "\n";
json($records);
sorting($records);
expressions($records);
xml($records);
closures($records);
END

name='php: JSON, expressions, multibyte texts, XML, sorting, with all its extensions'
need "$name" php && same "$name" php "$scratch/work.php"
name='php: the same, its own allocator replaced by malloc'
need "$name" php && same "$name" env USE_ZEND_ALLOC=0 php "$scratch/work.php"
name='php: compiled code in its cache'
need "$name" php && same "$name" php -d opcache.enable_cli=1 -d opcache.jit_buffer_size=16M -d opcache.jit=tracing "$scratch/work.php"

done_testing
