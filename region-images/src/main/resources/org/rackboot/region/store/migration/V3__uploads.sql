-- What operators upload belongs to one source of another kind, which no import asks.
alter table boot_source add column kind text not null default 'stream';

-- The os/release whose kernel installs an image that has none of its own.
alter table image add column base_image text;

-- Uploads that were begun; files by name in upload_file, their bytes in content.
create table upload (
    id         text primary key,
    kind       text not null,
    os         text not null,
    release    text not null,
    arch       text not null,
    subarch    text not null,
    method     text not null,
    title      text not null,
    base_image text not null,
    created_at ${timestamp} not null
);

create table upload_file (
    upload_id text not null references upload (id) on delete cascade,
    name      text not null,
    ftype     text not null,
    sha256    text not null,
    size      ${ref} not null,
    primary key (upload_id, name)
);
