-- Whose mail is wanted and whose is not, for the server and for each hosted domain, and who writes as one of ours.
-- What is in the lists is in a file that changes while rspamd runs: it is read at each reload.
local rspamd_logger = require 'rspamd_logger'
local ucl = require 'ucl'

local parser = ucl.parser()
local read, fault = parser:parse_file('/etc/hosted/senders.json')
if not read then
  rspamd_logger.errx(rspamd_config, 'no lists of senders: %s', fault)
end
local known = read and parser:get_object() or { hosted = {}, server = {}, domains = {} }

local function set_of(list)
  local found = {}
  for _, one in ipairs(list or {}) do
    found[one] = true
  end
  return found
end

local function lists_of(given)
  return { allowed = set_of(given.allowed), blocked = set_of(given.blocked) }
end

local hosted = set_of(known.hosted)
local server = lists_of(known.server)
local of_domain = {}
for name, given in pairs(known.domains) do
  of_domain[name] = lists_of(given)
end

-- Returns which list names an address, and the entry: the address itself, then its domain, then those above it.
local function found_in(lists, address)
  local entry = address
  while entry do
    if lists.blocked[entry] then
      return 'blocked', entry
    end
    if lists.allowed[entry] then
      return 'allowed', entry
    end
    entry = entry:match('@([^@]*)$') or entry:match('^[^.]+%.(.+)$')
  end
end

-- Returns addresses as they are in the lists, also those that somebody wrote oddly: `joe @ example.com`, or in a group, with `;`.
local function addresses(list)
  local found = {}
  for _, each in ipairs(list or {}) do
    local name, domain = (each.addr or ''):match('^(.*)@([^@]*)$')
    if domain then
      found[#found + 1] = (name:match('([^%s]*)%s*$') .. '@' .. domain:gsub('[^%w._\128-\255-]', '')):lower()
    end
  end
  return found
end

-- Whether nobody can tell whom mail programs will show as the writer, or there are several: then no domain is asked what it
-- wishes (DMARC), and nothing is proved. Where there is no address at all, as in some bounces, none is shown.
local function is_unreadable(task)
  local headers = task:get_header_full('From') or {}
  if #headers == 0 then
    return false
  end
  local writers = task:get_from('mime') or {}
  if #headers > 1 or #writers > 1 then
    return true
  end
  local writer = writers[1]
  if not writer then
    return (headers[1].decoded or '') ~= ''
  end
  local flags = writer.flags or {}
  if flags.empty then
    return not flags.valid or (writer.name or ''):find('@', 1, true) ~= nil
  end
  if not (writer.domain or ''):match('^[%w._-]+$') then
    return true
  end
  -- Without brackets all of it is the address, but for comments and what is quoted.
  local bare = (headers[1].decoded or ''):gsub('%b()', ''):gsub('%b""', '')
  local _, marks = bare:gsub('@', '')
  return not flags.braced and marks > 1
end

-- Returns what one domain says of a message: the first list that says anything, and of several senders the worst.
local function verdict(domain, writers, envelope, one_from)
  for _, lists in ipairs({ of_domain[domain] or lists_of({}), server }) do
    local said, entry, sender
    for _, writer in ipairs(writers) do
      local which, what = found_in(lists, writer)
      if which == 'blocked' then
        return which, what, writer
      end
      -- Where there are several, nobody can say which one is shown.
      if which == 'allowed' and #writers == 1 and one_from then
        said, entry, sender = which, what, writer
      end
    end
    if not said then
      for _, each in ipairs(envelope) do
        local which, what = found_in(lists, each)
        if which == 'blocked' then
          return which, what, each
        end
      end
    end
    if said then
      return said, entry, sender
    end
  end
end

-- Returns what all domains of the recipients say, where they agree, and those that want no mail of this sender.
local function verdicts(task)
  local writers, envelope = addresses(task:get_from('mime')), addresses(task:get_from('smtp'))
  local said, entry, sender
  local refusing, agreed, first = {}, true, true
  local seen = {}
  for _, recipient in ipairs(task:get_recipients('smtp') or {}) do
    local domain = (recipient.domain or ''):lower()
    if not seen[domain] then
      seen[domain] = true
      local which, what, whom = verdict(domain, writers, envelope, #(task:get_header_full('From') or {}) == 1)
      if which == 'blocked' then
        refusing[#refusing + 1] = domain
        entry, sender = what, whom
      end
      if first then
        said, entry, sender = which, what, whom
      elseif which ~= said then
        agreed = false
      end
      first = false
    end
  end
  return agreed and said or nil, entry, sender, refusing
end

-- Whether SPF or DKIM proves the domain of an address.
local function proved(task, address)
  if task:has_symbol('DMARC_POLICY_ALLOW') then
    return true
  end
  local domain = address:match('@(.+)$')
  local function covers(other)
    return other and (other == domain or domain:sub(-#other - 1) == '.' .. other)
  end
  for _, symbol in ipairs(task:get_symbol('R_DKIM_ALLOW') or {}) do
    for _, option in ipairs(symbol.options or {}) do
      if covers(option:match('^([^:]+)'):lower()) then
        return true
      end
    end
  end
  local envelope = task:get_from('smtp')
  return task:has_symbol('R_SPF_ALLOW') and envelope and envelope[1] and (envelope[1].domain or ''):lower() == domain
end

rspamd_config:register_symbol({
  name = 'SENDER_BLOCKED',
  type = 'prefilter',
  callback = function(task)
    if task:get_user() then
      return
    end
    local said, entry, sender, refusing = verdicts(task)
    if said == 'blocked' then
      task:insert_result('SENDER_BLOCKED', 1.0, entry)
      task:set_pre_result('reject', 'Mail of ' .. sender .. ' is not wanted here', 'senders')
    elseif #refusing > 0 then
      -- Others want it, or have said nothing: their copy is as any other one, and those of these domains are for Junk.
      task:insert_result('SENDER_BLOCKED', 0.0, entry)
      task:set_milter_reply({ add_headers = { ['X-Spam-For'] = '<' .. table.concat(refusing, '> <') .. '>' } })
    end
  end,
})

rspamd_config:register_symbol({
  name = 'SENDER_ALLOWED',
  score = -100.0,
  group = 'senders',
  description = 'Its sender is allowed, and proved',
  callback = function(task)
    if task:get_user() then
      return
    end
    local said, entry, sender = verdicts(task)
    if said == 'allowed' and proved(task, sender) then
      task:insert_result('SENDER_ALLOWED', 1.0, entry)
    end
  end,
})
-- Without DNS there are no such checks, and nobody is allowed.
if known.proofs then
  for _, needed in ipairs({ 'DMARC_CHECK', 'DKIM_CHECK', 'SPF_CHECK' }) do
    rspamd_config:register_dependency('SENDER_ALLOWED', needed)
  end
end

rspamd_config:register_symbol({
  name = 'FROM_UNREADABLE',
  score = 0.0,
  group = 'senders',
  description = 'Nobody can tell whom mail programs show as its writer',
  callback = function(task)
    if not task:get_user() and is_unreadable(task) then
      task:insert_result('FROM_UNREADABLE', 1.0)
    end
  end,
})

rspamd_config:register_symbol({
  name = 'OWN_FROM',
  score = 0.0,
  group = 'senders',
  description = 'Written as one of the hosted domains',
  callback = function(task)
    -- Who logged in is one of them, and nothing of SPF and DMARC is asked of what he hands in.
    if task:get_user() then
      return
    end
    for _, writer in ipairs(addresses(task:get_from('mime'))) do
      if hosted[writer:match('@(.+)$') or ''] then
        task:insert_result('OWN_FROM', 1.0)
        return
      end
    end
  end,
})
