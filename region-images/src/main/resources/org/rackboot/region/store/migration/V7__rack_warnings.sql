-- What racks warn their operators of, a line each.
alter table rack add column warnings text not null default '';
