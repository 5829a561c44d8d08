package org.rackboot.protocol.resolve;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.rackboot.protocol.bootconfig.UBootScriptImage;

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
    record Rendered(String text, Form form, String purpose) implements BootAnswer {
        /** What the text is sent as. */
        public enum Form {
            /** In UTF-8. */
            TEXT,
            /** In the container in which U-Boot reads a script. */
            U_BOOT_SCRIPT
        }

        /** A text as it is. */
        public Rendered(String text, String purpose) {
            this(text, Form.TEXT, purpose);
        }

        /** What goes over the wire. */
        public byte[] bytes() {
            return form == Form.TEXT ? text.getBytes(UTF_8) : UBootScriptImage.wrap(text);
        }

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
