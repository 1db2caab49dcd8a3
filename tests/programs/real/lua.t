#!/bin/bash
# lua.t: a collector on top of realloc: tables that grow and shrink, closures, coroutines, strings.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/work.lua" <<'END'
local seed = 9
local function random(n) seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n end

local function tables()
	local words, list = {}, {}
	for i = 1, 400000 do
		local key = "w" .. random(50000)
		words[key] = (words[key] or 0) + i
		list[#list + 1] = { i, key }
		if #list > 3000 then for _ = 1, 2000 do table.remove(list) end end
	end
	local keys = {}
	for key in pairs(words) do keys[#keys + 1] = key end
	table.sort(keys, function(a, b) return words[a] > words[b] or words[a] == words[b] and a < b end)
	print(#keys, keys[1], words[keys[1]], keys[#keys], #list)
end

local function tree(depth) if depth > 0 then return { tree(depth - 1), tree(depth - 1) } end return {} end
local function count(node) return node[1] and 1 + count(node[1]) + count(node[2]) or 1 end

local function strings()
	local parts = {}
	for i = 1, 100000 do parts[i] = string.format("%d:%s", i, ("x"):rep(random(30))) end
	local text = table.concat(parts, ";")
	local replaced, n = text:gsub("(%d+):(x+)", "%2=%1")
	print(#text, n, #replaced, replaced:sub(77777, 77800), text:find("99999:", 1, true))
	local grown = ""
	for i = 1, 5000 do grown = grown .. i end
	print(#grown)
end

local function coroutines()
	local sum, crew = 0, {}
	for i = 1, 5000 do crew[i] = coroutine.wrap(function() for k = 1, 10 do coroutine.yield(k * i) end end) end
	for _ = 1, 10 do for i = 1, 5000 do sum = sum + crew[i]() end end
	print(sum)
end

tables()
for mode = 1, 3 do
	if mode == 2 then collectgarbage("generational") else collectgarbage("incremental") end
	for _ = 1, 4 do print(count(tree(16))) end
end
strings()
coroutines()
-- What Lua itself counts of its memory depends on what it asked for, not on who served it.
collectgarbage() collectgarbage() print(collectgarbage("count") < 20000)
END
lua=$(command -v lua5.4 || command -v lua || echo lua5.4)
need 'lua: tables, strings, coroutines, both collectors' "$lua" &&
	same 'lua: tables, strings, coroutines, both collectors' "$lua" "$scratch/work.lua"

done_testing
