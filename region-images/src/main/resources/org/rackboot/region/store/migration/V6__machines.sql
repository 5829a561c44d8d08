-- Machines that operators made known, and the addresses each is known by. A name has the order of its bytes on every database.
create table machine (
    id     ${id},
    name   ${serial} not null unique,
    uuid   text unique,
    arch   text,
    loader text
);

create table machine_mac (
    mac        text primary key,
    machine_id ${ref} not null references machine (id) on delete cascade,
    position   integer not null,
    unique (machine_id, position)
);
