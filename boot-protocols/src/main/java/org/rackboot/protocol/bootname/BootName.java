package org.rackboot.protocol.bootname;

import java.util.ArrayList;
import java.util.List;

/**
 * A name that firmware or a loader asked for, in the one form in which names are looked up: printable ASCII,
 * segments parted by single slashes, no leading slash, no {@code .} and no {@code ..}.
 *
 * @param text 1 to {@value #MAX_LENGTH} characters
 */
public record BootName(String text) {
    /** PXELINUX asks for at most 127 characters, GRUB for a few hundred. */
    public static final int MAX_LENGTH = 1_024;

    /**
     * Canonicalises what came from the wire: backslashes become slashes (Windows loaders, quirk T33), repeated and
     * leading slashes go (shim and GRUB, quirk T35), and so does trailing rubbish: bytes of 0x80 and above and
     * controls, left by firmware that reads DHCP option 67 as a C string (quirk T34).
     *
     * @param wire one character per byte
     * @throws InvalidBootNameException if the rest is empty, too long, or has a byte or segment no name has
     */
    public static BootName parse(String wire) throws InvalidBootNameException {
        if (isCanonicalPath(wire)) {
            return new BootName(wire.substring(1));
        }
        int end = wire.length();
        while (end > 0 && !isPrintable(wire.charAt(end - 1))) {
            end--;
        }
        if (end > MAX_LENGTH) {
            throw new InvalidBootNameException("the name has more than " + MAX_LENGTH + " characters");
        }
        List<String> segments = new ArrayList<>();
        StringBuilder segment = new StringBuilder();
        for (int i = 0; i <= end; i++) {
            char c = i < end ? wire.charAt(i) : '/';
            if (c == '/' || c == '\\') {
                addSegment(segment.toString(), segments);
                segment.setLength(0);
            } else if (isPrintable(c)) {
                segment.append(c);
            } else {
                throw new InvalidBootNameException("the name has a character that no boot file's name has");
            }
        }
        if (segments.isEmpty()) {
            throw new InvalidBootNameException("the name is empty");
        }
        return new BootName(String.join("/", segments));
    }

    /** Whether this is a slash and a canonical name, as nearly all requests over HTTP are. */
    private static boolean isCanonicalPath(String wire) {
        if (wire.length() < 2 || wire.length() > MAX_LENGTH || wire.charAt(0) != '/') {
            return false;
        }
        char previous = 'a';
        for (int i = 0; i < wire.length(); i++) {
            char c = wire.charAt(i);
            boolean oddSegment = previous == '/' && (c == '/' || c == '.');
            if (oddSegment || c == '\\' || !isPrintable(c)) {
                return false;
            }
            previous = c;
        }
        return previous != '/';
    }

    /** The last segment. */
    public String fileName() {
        return text.substring(text.lastIndexOf('/') + 1);
    }

    private static void addSegment(String segment, List<String> segments) throws InvalidBootNameException {
        if (segment.equals("..")) {
            throw new InvalidBootNameException("the name has a '..' segment");
        }
        if (!segment.isEmpty() && !segment.equals(".")) {
            segments.add(segment);
        }
    }

    private static boolean isPrintable(char c) {
        return c >= ' ' && c <= '~';
    }

    @Override
    public String toString() {
        return text;
    }
}
