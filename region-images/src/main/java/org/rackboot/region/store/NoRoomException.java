package org.rackboot.region.store;

/** What racks are told would become too large; says of what there is too much, and what to do. Nothing was changed. */
public final class NoRoomException extends RuntimeException {
    NoRoomException(String message) {
        super(message);
    }
}
