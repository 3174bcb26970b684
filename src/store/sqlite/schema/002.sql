-- Changes about sources are few: what was said last about one is found without reading the feed.
CREATE INDEX change_source ON change (source, seq) WHERE "case" IS NULL;
