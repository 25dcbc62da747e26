-- The tables, as doc.go describes them. What is empty is NULL. Texts are bytes, so that neither the encoding nor the collation of
-- the database matters; psql shows them after SET bytea_output = 'escape'.

CREATE TABLE latchkey.credentials (
    created_at   timestamptz,
    expires_at   timestamptz,
    last_used_at timestamptz,
    disabled     boolean NOT NULL,
    service      boolean NOT NULL,
    id           bytea   NOT NULL,
    digest       bytea   NOT NULL,
    kind         bytea   NOT NULL,
    user_name    bytea,
    name         bytea,
    workspace    bytea,
    roles        bytea[],
    groups       bytea[],
    metadata     bytea,
    created_by   bytea,
    source       bytea,
    user_agent   bytea,
    backend      bytea,
    CONSTRAINT credentials_pkey PRIMARY KEY (id),
    CONSTRAINT credentials_digest UNIQUE (digest),
    CONSTRAINT session_tokens_expire CHECK (kind <> 'token' OR expires_at IS NOT NULL)
);

CREATE INDEX credentials_user ON latchkey.credentials (user_name, kind, id) WHERE user_name IS NOT NULL;
CREATE INDEX credentials_workspace ON latchkey.credentials (workspace, kind, id) WHERE workspace IS NOT NULL;
CREATE INDEX credentials_expiry ON latchkey.credentials (expires_at, id) WHERE expires_at IS NOT NULL;
CREATE INDEX credentials_kind ON latchkey.credentials (kind, id) WHERE kind <> 'token';

CREATE TABLE latchkey.users (
    created_at    timestamptz,
    last_login_at timestamptz,
    is_service    boolean NOT NULL,
    disabled      boolean NOT NULL,
    name          bytea   NOT NULL,
    display_name  bytea,
    mail          bytea,
    groups        bytea[],
    backend       bytea,
    nicknames     bytea[],
    CONSTRAINT users_pkey PRIMARY KEY (name)
);

CREATE TABLE latchkey.lockouts (
    locked_until timestamptz,
    forget_at    timestamptz,
    key          bytea NOT NULL,
    failures     timestamptz[],
    CONSTRAINT lockouts_pkey PRIMARY KEY (key)
);

CREATE INDEX lockouts_forgetting ON latchkey.lockouts (forget_at, key) WHERE forget_at IS NOT NULL;

-- Single facts: "mark:…" for what was done once, "held" once the store has held a credential, "ping" for Ping to write.
CREATE TABLE latchkey.facts (
    key   bytea NOT NULL,
    value bytea,
    CONSTRAINT facts_pkey PRIMARY KEY (key)
);
