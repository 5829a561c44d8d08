package org.rackboot.region.simplestreams;

import java.net.URI;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an operator may give as a stream's address, taken apart: a mirror's root, or one of its metadata files.
 *
 * @param root with a final slash, whether it was typed or not
 * @param start the file that was named; empty = the usual index
 */
public record StreamAddress(URI root, Optional<MirrorPath> start) {
    private static final Pattern FILE = Pattern.compile("(.*/)(streams/v1/[^?#]*\\.s?json)");

    /** @throws StreamFormatException if the address has a query or a fragment, or its file a path that no stream uses */
    public static StreamAddress parse(URI address) throws StreamFormatException {
        String text = address.toString();
        if (address.getRawQuery() != null || address.getRawFragment() != null) {
            throw new StreamFormatException("a stream's address has no '?' or '#' in it");
        }
        Matcher file = FILE.matcher(text);
        if (file.matches()) {
            return new StreamAddress(URI.create(file.group(1)), Optional.of(MirrorPath.parse(file.group(2))));
        }
        return new StreamAddress(text.endsWith("/") ? address : URI.create(text + "/"), Optional.empty());
    }
}
