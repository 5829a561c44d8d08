-- Racks: expected (a one-time token was made), enrolled (has a credential), revoked, or a guest that bears the API's token.
-- Of tokens and credentials only the sha256 is kept. redeemer is the key of the rack that redeemed the token; contents
-- is what it holds, a sha256 and a number of bytes a line.
create table rack (
    id               ${id},
    name             text not null unique,
    guest            integer not null,
    token_hash       text unique,
    expires_at       ${timestamp} not null,
    redeemer         text,
    credential_hash  text unique,
    created_at       ${timestamp} not null,
    enrolled_at      ${timestamp},
    revoked_at       ${timestamp},
    contact_at       ${timestamp},
    host             text not null default '',
    version          text not null default '',
    catalog_version  ${ref} not null default 0,
    listeners        text not null default '',
    contents         text
);
