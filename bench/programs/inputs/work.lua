-- work.lua: tables, closures, strings, a garbage collector at work. usage: work.lua COUNT
local count = tonumber(arg[1])
local seed = 11
local function random(n)
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	return (seed >> 8) % n
end

local function tree(depth)
	if depth == 0 then return { value = random(100) } end
	return { left = tree(depth - 1), right = tree(depth - 1) }
end

local function sum(node)
	if node.value then return node.value end
	return sum(node.left) + sum(node.right)
end

local kept, total = tree(15), 0
for i = 1, count // 2000 do total = total + sum(tree(10 + i % 3)) end
print("trees", total, sum(kept))

local words, ring = {}, {}
for i = 1, count do
	local word = "w" .. random(count)
	words[word] = (words[word] or 0) + 1
	ring[i % 20000] = { word, i, function() return #word + i end }
end
local called = 0
for _, entry in pairs(ring) do called = called + entry[3]() end
print("strings", called)

local parts = {}
for i = 1, count // 4 do parts[#parts + 1] = string.format("%d:%s", i, ("x"):rep(i % 60)) end
local text = table.concat(parts, ",")
local found = 0
for piece in text:gmatch("(%d+):x+") do found = found + #piece end
table.sort(parts)
print("text", #text, found, parts[#parts // 2])
