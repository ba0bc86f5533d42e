BEGIN TRANSACTION;
CREATE TABLE accepted (
    conversation_id INTEGER NOT NULL,
    message_id VARCHAR(128) NOT NULL,
    seq BIGINT NOT NULL,
    digest BLOB NOT NULL,
    CONSTRAINT pk_accepted PRIMARY KEY (conversation_id, message_id)
)
 WITHOUT ROWID

;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE conversations (
    id INTEGER NOT NULL,
    sender_id VARCHAR(255) NOT NULL,
    epoch VARCHAR(64) NOT NULL,
    version BIGINT NOT NULL,
    visible BIGINT NOT NULL,
    divider VARCHAR(16),
    session_seq BIGINT NOT NULL,
    plain_seq BIGINT NOT NULL,
    open_turn BOOLEAN NOT NULL,
    lease_owner TEXT,
    lease_until DOUBLE,
    owner VARCHAR(255),
    started DOUBLE NOT NULL,
    updated DOUBLE NOT NULL,
    CONSTRAINT pk_conversations PRIMARY KEY (id),
    CONSTRAINT uq_conversations_sender_id UNIQUE (sender_id)
);
INSERT INTO "conversations" VALUES(1,'ada','e1',12,11,NULL,0,0,0,NULL,NULL,NULL,100.0,103.0);
CREATE TABLE events (
    conversation_id INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    format SMALLINT NOT NULL,
    prev BIGINT,
    divider VARCHAR(16),
    title TEXT,
    data TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (conversation_id, seq)
);
INSERT INTO "events" VALUES(1,1,1,0,NULL,'Hello!','{"event":"user","timestamp":101.0,"metadata":{},"text":"message 1","parse_data":{"intent":{"name":"greet"}},"input_channel":null,"message_id":null}');
INSERT INTO "events" VALUES(1,2,1,NULL,NULL,NULL,'{"event":"slot","timestamp":101.0,"metadata":{},"name":"mood","value":{"of":["joy",null,1.5]}}');
INSERT INTO "events" VALUES(1,3,1,1,NULL,NULL,'{"event":"bot","timestamp":101.0,"metadata":{},"text":"re: message 1","data":{}}');
INSERT INTO "events" VALUES(1,4,1,NULL,NULL,NULL,'{"event":"action","timestamp":101.0,"metadata":{},"name":"action_listen","policy":null,"confidence":null,"action_text":null,"hide_rule_turn":false}');
INSERT INTO "events" VALUES(1,5,1,3,NULL,'Hello!','{"event":"user","timestamp":102.0,"metadata":{},"text":"message 2","parse_data":{"intent":{"name":"greet"}},"input_channel":null,"message_id":null}');
INSERT INTO "events" VALUES(1,6,1,NULL,NULL,NULL,'{"event":"slot","timestamp":102.0,"metadata":{},"name":"mood","value":{"of":["joy",null,1.5]}}');
INSERT INTO "events" VALUES(1,7,1,5,NULL,NULL,'{"event":"bot","timestamp":102.0,"metadata":{},"text":"re: message 2","data":{}}');
INSERT INTO "events" VALUES(1,8,1,NULL,NULL,NULL,'{"event":"action","timestamp":102.0,"metadata":{},"name":"action_listen","policy":null,"confidence":null,"action_text":null,"hide_rule_turn":false}');
INSERT INTO "events" VALUES(1,9,1,7,NULL,'Hello!','{"event":"user","timestamp":103.0,"metadata":{},"text":"message 3","parse_data":{"intent":{"name":"greet"}},"input_channel":null,"message_id":null}');
INSERT INTO "events" VALUES(1,10,1,NULL,NULL,NULL,'{"event":"slot","timestamp":103.0,"metadata":{},"name":"mood","value":{"of":["joy",null,1.5]}}');
INSERT INTO "events" VALUES(1,11,1,9,NULL,NULL,'{"event":"bot","timestamp":103.0,"metadata":{},"text":"re: message 3","data":{}}');
INSERT INTO "events" VALUES(1,12,1,NULL,NULL,NULL,'{"event":"action","timestamp":103.0,"metadata":{},"name":"action_listen","policy":null,"confidence":null,"action_text":null,"hide_rule_turn":false}');
CREATE TABLE meta (
    name VARCHAR(64) NOT NULL,
    value BLOB NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('token_key',X'0001736563726574');
INSERT INTO "meta" VALUES('publishing',X'31');
CREATE TABLE snapshots (
    conversation_id INTEGER NOT NULL,
    version BIGINT NOT NULL,
    data BLOB NOT NULL,
    CONSTRAINT pk_snapshots PRIMARY KEY (conversation_id, version)
);
INSERT INTO "snapshots" VALUES(1,8,X'73746174652032');
CREATE INDEX ix_conversations_open ON conversations (updated) WHERE open_turn;
CREATE INDEX ix_conversations_owner ON conversations (owner, updated) WHERE owner IS NOT NULL;
COMMIT;
