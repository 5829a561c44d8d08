package org.rackboot.protocol.resolve;

/** What a machine is given for a name, and in which phase of its boot it asked. */
public sealed interface BootAnswer {
    BootPhase phase();

    /** Bytes of the catalog. */
    record Content(BootFile file) implements BootAnswer {
        @Override
        public BootPhase phase() {
            return file.phase();
        }
    }

    /** A configuration made for this request. */
    record Rendered(String text, String purpose) implements BootAnswer {
        @Override
        public BootPhase phase() {
            return BootPhase.CONFIG;
        }
    }

    /** A file of zero bytes: GRUB prints noise when its module lists are missing (quirk T36). */
    record Empty() implements BootAnswer {
        @Override
        public BootPhase phase() {
            return BootPhase.CONFIG;
        }
    }

    /**
     * No such file; the loader goes on with the next name.
     *
     * @param reason in words an operator understands; sent to the machine, so never with the name in it
     * @param expected whether every healthy boot asks this and is told no
     */
    record NotFound(String reason, BootPhase phase, boolean expected) implements BootAnswer {}

    /** A name that no file can have. */
    record Refused(String reason) implements BootAnswer {
        @Override
        public BootPhase phase() {
            return BootPhase.OTHER;
        }
    }
}
