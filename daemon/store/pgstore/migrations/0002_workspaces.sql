-- Workspaces and their members. A record is kept as JSON text; beside it stand the columns that are searched. An active member's
-- account has no foreign key, so that records can be copied in any order; DeleteUser and UpdateWorkspace lock the user's row instead.

ALTER TABLE latchkey.credentials ADD COLUMN member bytea;
ALTER TABLE latchkey.credentials ADD COLUMN subscription bytea;

CREATE TABLE latchkey.workspaces (
    id     bytea NOT NULL,
    name   bytea NOT NULL,
    record bytea NOT NULL,
    CONSTRAINT workspaces_pkey PRIMARY KEY (id),
    CONSTRAINT workspaces_name UNIQUE (name)
);

CREATE TABLE latchkey.members (
    removed   boolean NOT NULL,
    workspace bytea NOT NULL,
    id        bytea NOT NULL,
    account   bytea,
    mail      bytea,
    record    bytea NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (workspace, id),
    CONSTRAINT members_account UNIQUE (account, workspace),
    CONSTRAINT members_mail UNIQUE (workspace, mail)
);
