-- Asks latchkeyd's door about a request, for HAProxy 2.6 or newer. haproxy.cfg beside this file loads it:
--
--   http-request lua.latchkey http://127.0.0.1:9100/auth/v1/verify
--   http-request deny deny_status 503 unless { var(txn.latchkey_passed) -m bool }
--
-- A request that may pass goes on with the identity headers of the answer, without its credential, and with the variable
-- txn.latchkey_passed set. Any other gets the door's own answer, or 503 when there is none. The second line above is needed:
-- HAProxy goes on with a request when Lua fails.

-- What the door says about the caller. The client's own are removed under every spelling.
local identity = {
    "x-auth-user", "x-auth-roles", "x-auth-groups", "x-auth-kind", "x-auth-credential-id", "x-auth-workspace", "x-auth-expires",
}

-- Other names under which services believe an identity.
local believed = { "x-forwarded-user", "remote-user", "remote-groups", "remote-name", "remote-email" }

-- Where a credential may stand. It goes to the door and no further.
local credentials = { "x-auth-token", "st2-api-key", "x-api-key", "authorization" }

-- Headers that repeat the original address, and a credential in it.
local addresses = { "x-forwarded-uri", "x-original-uri", "x-original-url" }

-- The lines of the door's answer that a refused client gets.
local told = { "www-authenticate", "retry-after", "cache-control", "content-type", "x-request-id" }

local removed = {}
for _, list in ipairs({ identity, believed, addresses }) do
    for _, name in ipairs(list) do
        removed[name] = true
    end
end

-- cleaned removes the headers that only a proxy may set; X_Auth_User and X.Auth.User are X-Auth-User to a CGI or WSGI service.
local function cleaned(http)
    for name in pairs(http:req_get_headers()) do
        if removed[string.lower(string.gsub(name, "[_.]", "-"))] then
            http:req_del_header(name)
        end
    end
    return http:req_get_headers()
end

-- lines returns the values of a header as a list that begins at 1. HAProxy's own begin at 0.
local function lines(headers, name)
    local list = {}
    local index = 0
    while headers[name] and headers[name][index] do
        list[#list + 1] = headers[name][index]
        index = index + 1
    end
    return list
end

-- question returns the headers for the door: all of the credential's lines, so that two are seen to be two, and the address.
local function question(txn, headers)
    local asked = {
        ["x-forwarded-for"] = { txn.f:src() },
        ["x-forwarded-method"] = { txn.f:method() },
        ["x-forwarded-uri"] = { txn.f:pathq() },
    }
    for _, name in ipairs(credentials) do
        local list = lines(headers, name)
        if #list > 0 then
            asked[name] = list
        end
    end
    local id = lines(headers, "x-request-id")
    if #id > 0 then
        asked["x-request-id"] = id
    end
    return asked
end

-- answer ends the request with the door's refusal, or with 503 for what decides nothing.
local function answer(txn, response)
    local status = response.status
    if status ~= 400 and status ~= 401 and status ~= 403 then
        status = 503
    end
    local reply = txn:reply({ status = status })
    for _, name in ipairs(told) do
        for _, value in ipairs(lines(response.headers or {}, name)) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(response.body or "")
    txn:done(reply)
end

core.register_action("latchkey", { "http-req" }, function(txn, door)
    local headers = cleaned(txn.http)
    local response = core.httpclient():get({ url = door, headers = question(txn, headers), timeout = 10000 })
    if not response or response.status ~= 200 then
        return answer(txn, response or {})
    end
    for _, name in ipairs(identity) do
        txn.http:req_set_header(name, lines(response.headers, name)[1] or "")
    end
    for _, name in ipairs(credentials) do
        txn.http:req_del_header(name)
    end
    txn:set_var("txn.latchkey_passed", true)
end, 1)
