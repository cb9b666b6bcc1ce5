// What the Redis of a zone does in one step. All times are milliseconds of its own TIME, so that no two clocks are ever compared.
// An entry is a hash: version, record (JSON; null: removed or never there; absent: too large for the feed, to be fetched), and readAt,
// a moment at which DynamoDB had this version. The hash tsg:feed says how current the feed is: heartbeatAt and fenceAt.

/** An entry is as current as the feed while that is younger than this. */
const heartbeatFreshMs = 10_000;
/** Without the feed, an entry is believed for so long after it was read from DynamoDB. */
const entryFreshMs = 60_000;

const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- The clock of this Redis was set back: what lies ahead of it says nothing.
local function past(value)
  local at = tonumber(value or 0)
  if at > now then return 0 end
  return at
end
`;

/**
 * KEYS entry, feed · ARGV how long a record stays without being read.
 * Gives version, record, whether it is fresh, and how long ago it was last known to be current.
 */
export const readEntry = `${now}
local entry = redis.call('HMGET', KEYS[1], 'version', 'record', 'readAt')
if not entry[2] then return false end
local feed = redis.call('HMGET', KEYS[2], 'heartbeatAt', 'fenceAt')
local readAt, heartbeatAt, fenceAt = past(entry[3]), past(feed[1]), tonumber(feed[2] or 0)
local fed = now - heartbeatAt < ${heartbeatFreshMs} and readAt > fenceAt
local fresh = fed or now - readAt < ${entryFreshMs}
if entry[2] ~= 'null' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {tonumber(entry[1]), entry[2], fresh and 1 or 0, now - math.max(readAt, heartbeatAt)}
`;

/**
 * Stores the entry unless a newer version is there.
 * KEYS entry · ARGV version, record ('' when it was left out), age of the reading ('' when unknown), how long it stays, channel,
 * 1 for news (everybody drops a copy) and 0 for what was read.
 * Gives the version and record that are there afterwards.
 */
export const putNewest = `${now}
local version, record, age = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local have = redis.call('HMGET', KEYS[1], 'version', 'readAt')
local haveVersion, haveReadAt = tonumber(have[1] or -1), past(have[2])
local readAt = 0
if age ~= '' then readAt = now - age end
-- DynamoDB has nothing there any more, not even what remains of a removed record: what stands here missed the removal.
local gone = version == 0 and readAt - haveReadAt > ${entryFreshMs}
if haveVersion > version and not gone then
  return {haveVersion, redis.call('HGET', KEYS[1], 'record')}
end
if haveVersion == version and (record == '' or redis.call('HEXISTS', KEYS[1], 'record') == 1) then
  if readAt > haveReadAt then
    redis.call('HSET', KEYS[1], 'readAt', readAt)
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
  return {haveVersion, redis.call('HGET', KEYS[1], 'record')}
end
-- The version that was there was read before this one was written.
redis.call('HSET', KEYS[1], 'version', version, 'readAt', math.max(readAt, haveReadAt))
if record == '' then redis.call('HDEL', KEYS[1], 'record') else redis.call('HSET', KEYS[1], 'record', record) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[6] == '1' or haveVersion >= 0 then redis.call('PUBLISH', ARGV[5], KEYS[1]) end
return {version, record ~= '' and record}
`;

/**
 * KEYS feed · ARGV delay of the heartbeat, 1 when news may have been missed, then pairs of fields that are kept beside it.
 * What was read before a fence is not as current as the feed. A feed that was silent for long begins with one.
 * Gives 1 when the zone knew nothing of the feed: it is empty, or was until now.
 */
export const beat = `${now}
local known = redis.call('HGET', KEYS[1], 'heartbeatAt')
local heartbeatAt = past(known)
if ARGV[2] == '1' or now - heartbeatAt >= ${heartbeatFreshMs} then redis.call('HSET', KEYS[1], 'fenceAt', now) end
redis.call('HSET', KEYS[1], 'heartbeatAt', math.max(heartbeatAt, now - ARGV[1]), unpack(ARGV, 3))
return known and 0 or 1
`;

/** KEYS feed. Gives the fields of the feed and the time. */
export const readFeed = `${now}
return {now, unpack(redis.call('HGETALL', KEYS[1]))}
`;
