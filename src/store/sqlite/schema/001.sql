-- Guichet, schema 1. Integer physical keys in append order; every index says what it is for, since each one is paid for
-- by every record. Times are microseconds since 1970. Closed words (phase, outcome, …) are kept as their position.

-- What belongs to the store itself: `seal` (public references), `terms` (key of the search hashes).
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- Mapping stamps (`id@version`), one row per deployed version.
CREATE TABLE mapping (id INTEGER PRIMARY KEY, stamp TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE flow (
  id INTEGER PRIMARY KEY,
  source INTEGER NOT NULL REFERENCES source,
  name TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  class INTEGER NOT NULL,
  ties INTEGER NOT NULL,
  skew INTEGER NOT NULL,
  cursor TEXT,
  received INTEGER NOT NULL DEFAULT 0,
  applied INTEGER NOT NULL DEFAULT 0,
  duplicate INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0,
  parked INTEGER NOT NULL DEFAULT 0,
  open INTEGER NOT NULL DEFAULT 0,
  verified_at INTEGER,
  observed_at INTEGER,
  paused TEXT,
  UNIQUE (source, name),
  -- I1: nothing acknowledged is lost. A commit that would break it is refused by the database itself.
  CHECK (received = applied + duplicate + superseded + quarantined + parked)
) STRICT;

-- The case a source knows under a key. `scope` = source << 32 | epoch. The one text index nobody can avoid.
CREATE TABLE alias (scope INTEGER NOT NULL, key TEXT NOT NULL, "case" INTEGER NOT NULL, PRIMARY KEY (scope, key))
  STRICT, WITHOUT ROWID;

-- A case as the API serves it. Narrow columns first: filters and ids never read the documents behind them.
CREATE TABLE cases (
  id INTEGER PRIMARY KEY,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  observed_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  source INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  waiting_on INTEGER,
  outcome INTEGER,
  confidentiality INTEGER NOT NULL,
  service TEXT,
  source_code TEXT,
  body TEXT NOT NULL,
  status TEXT NOT NULL,
  staff TEXT NOT NULL
) STRICT;
-- Lists, newest change first, and `updated_since`; covering, so that filters read no documents. New cases append to it.
-- `id` stands in it because a whole unit of work has one `changed_at`.
CREATE INDEX cases_changed ON cases (changed_at, id, service, phase, waiting_on, outcome, confidentiality, source);
-- The same within one service: a client's scope or filter must not scan the cases of everybody else.
CREATE INDEX cases_service ON cases (service, changed_at, id, phase, waiting_on, outcome, confidentiality, source);

-- The history of a case, clustered: id = case << 20 | ordinal.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  flow INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  major INTEGER NOT NULL,
  minor INTEGER NOT NULL,
  progress INTEGER NOT NULL,
  record INTEGER NOT NULL,
  mapping INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  key BLOB NOT NULL,
  content BLOB NOT NULL,
  tie BLOB, -- NULL: the same as `content`
  data TEXT NOT NULL -- the update as JSON
) STRICT;

-- Digests of records that need no mapping: d = first half mixed with the flow, tail = second half (both are compared).
-- In snapshot flows with the entry that a record of this digest says.
CREATE TABLE seen (d INTEGER PRIMARY KEY, tail INTEGER NOT NULL, entry INTEGER) STRICT;

-- Snapshot flows only: the highest export an entry was said in, and whether it is the newest of its case. Keyed like
-- `entry`, because exports come in much the same order: confirming a thousand cases touches few pages.
CREATE TABLE said (entry INTEGER PRIMARY KEY, export INTEGER NOT NULL, newest INTEGER NOT NULL) STRICT;

-- Wholes (files) read to their end.
CREATE TABLE finished (flow INTEGER NOT NULL, digest BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (flow, digest))
  STRICT, WITHOUT ROWID;

-- Records as received, many in one compressed block; a record row = block << 12 | place. Data goes when its time is over.
CREATE TABLE raw (
  id INTEGER PRIMARY KEY,
  flow INTEGER NOT NULL,
  at INTEGER NOT NULL,
  records INTEGER NOT NULL,
  forgotten INTEGER NOT NULL DEFAULT 0,
  data BLOB
) STRICT;
-- Replay reads the blocks of one flow (a row per block, not per record).
CREATE INDEX raw_flow ON raw (flow);
-- Forgetting looks for the oldest blocks that still have data.
CREATE INDEX raw_kept ON raw (at) WHERE data IS NOT NULL;

-- The change feed; seq is gap-free because one writer gives it inside its transaction (I7).
CREATE TABLE change (
  seq INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  at INTEGER NOT NULL,
  source INTEGER NOT NULL,
  "case" INTEGER,
  revision INTEGER,
  confidentiality INTEGER,
  phase INTEGER,
  audience INTEGER,
  service TEXT
) STRICT;

-- Search terms as keyed hashes: an identifier cannot be read from it, nor guessed without the key.
CREATE TABLE term (hash INTEGER NOT NULL, "case" INTEGER NOT NULL, PRIMARY KEY (hash, "case")) STRICT, WITHOUT ROWID;

-- Records held back. Rows are never deleted: settled and dismissed ones say what happened.
CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  flow INTEGER NOT NULL,
  record INTEGER NOT NULL,
  at INTEGER NOT NULL,
  held INTEGER NOT NULL,
  blocks INTEGER NOT NULL, -- later records of the case wait behind it
  export INTEGER,
  mapping INTEGER NOT NULL,
  digest BLOB NOT NULL,
  case_key TEXT,
  code TEXT NOT NULL,
  issues TEXT NOT NULL
) STRICT;
-- Open rows only, which operators keep few. A re-delivered record finds itself …
CREATE INDEX quarantine_digest ON quarantine (flow, digest) WHERE held < 2;
-- … a record of the same case finds what it must wait behind …
CREATE INDEX quarantine_case ON quarantine (flow, case_key) WHERE held < 2;
-- … and raw bytes of an open row are not forgotten.
CREATE INDEX quarantine_record ON quarantine (record) WHERE held < 2;

-- What operators did.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, target TEXT NOT NULL, why TEXT NOT NULL
) STRICT;
