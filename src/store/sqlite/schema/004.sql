-- Commands: what the front office asked of a source, and what became of it. Rows are never deleted.
CREATE TABLE command (
  id INTEGER PRIMARY KEY,
  uuid BLOB NOT NULL UNIQUE,
  verb INTEGER NOT NULL,
  state INTEGER NOT NULL,
  "case" INTEGER NOT NULL,
  flow INTEGER NOT NULL,
  service TEXT NOT NULL,
  client TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  due_at INTEGER,                          -- next try or look-up; NULL: none on its own
  leased_until INTEGER NOT NULL DEFAULT 0, -- whoever holds this very number may go on with it
  attempts INTEGER NOT NULL DEFAULT 0,     -- times it was sent, or tried to be
  looks INTEGER NOT NULL DEFAULT 0,        -- times it was looked up
  sent_at INTEGER,
  ended_at INTEGER,                        -- when the last sending ended
  address TEXT,
  request TEXT,                            -- what was sent
  reference TEXT,
  tracking TEXT,
  reason TEXT,
  issue TEXT,
  heard TEXT
) STRICT;
-- What is to be done next for a source.
CREATE INDEX command_due ON command (flow, due_at) WHERE due_at IS NOT NULL;
-- Order within a case, and the commands of a case.
CREATE INDEX command_case ON command ("case", id);
-- Lists by state; those that need somebody are few.
CREATE INDEX command_state ON command (state, id);

-- Answers to keys of clients: written with the command, kept for seven days.
CREATE TABLE idempotency (
  client TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, command INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

-- Cases that turned out to be another one: their ids and references lead there.
CREATE TABLE merged (gone INTEGER PRIMARY KEY, into_case INTEGER NOT NULL) STRICT;
CREATE INDEX merged_into ON merged (into_case);
