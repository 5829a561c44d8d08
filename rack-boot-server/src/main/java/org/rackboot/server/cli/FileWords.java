package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Locale;
import java.util.Map;

/** Why a file that somebody named cannot be read, in words of people and not of Java. */
final class FileWords {
    /** The system's own words, which Java passes on. */
    private static final Map<String, String> SYSTEMS = Map.of(
            "no such file or directory", "there is no such file",
            "permission denied", "permission denied",
            "is a directory", "it is a directory",
            "not a directory", "a part of its path is no directory");

    private FileWords() {}

    /** The text that the bytes of a file are. */
    static String text(byte[] bytes) throws CharacterCodingException {
        return UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    }

    /** To follow {@code cannot be read:}. */
    static String reason(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return "there is no such file";
        }
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (failure instanceof CharacterCodingException) {
            return "it is not text in UTF-8";
        }
        String said = said(failure);
        return SYSTEMS.getOrDefault(said.toLowerCase(Locale.ROOT), said);
    }

    private static String said(IOException failure) {
        String message = String.valueOf(failure.getMessage());
        if (failure instanceof FileSystemException of) { // Whose message begins with the path.
            return of.getReason() == null ? message : of.getReason();
        }
        boolean behindThePath = failure instanceof FileNotFoundException && message.endsWith(")");
        return behindThePath ? message.substring(message.lastIndexOf('(') + 1, message.length() - 1) : message;
    }
}
