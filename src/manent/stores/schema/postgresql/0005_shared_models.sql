-- The servers on this store, and the model that all of them use.

CREATE TABLE servers (
    name VARCHAR(255) COLLATE "C" NOT NULL,
    until DOUBLE PRECISION NOT NULL,
    ready BIGINT NOT NULL,
    CONSTRAINT pk_servers PRIMARY KEY (name)
);

CREATE TABLE model_parts (
    digest VARCHAR(64) COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    data BYTEA NOT NULL,
    CONSTRAINT pk_model_parts PRIMARY KEY (digest, number)
);
