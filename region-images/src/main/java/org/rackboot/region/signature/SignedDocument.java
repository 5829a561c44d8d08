package org.rackboot.region.signature;

import java.time.Instant;

/**
 * Exactly the bytes that the signature covers, and who signed. Parse these and never the file they came in.
 *
 * @param bytes the signed bytes; of a clear-signed file the text without dash-escaping, trailing blanks or a
 *     final line ending, its lines parted by LF. Copied on the way in and out
 * @param keyFingerprint the primary key of the signer, in upper-case hex
 */
@SuppressWarnings("ArrayRecordComponent") // Two documents are never compared; copies keep the bytes unchanged.
public record SignedDocument(byte[] bytes, String keyFingerprint, Instant signedAt) {
    public SignedDocument {
        bytes = bytes.clone();
    }

    @Override
    public byte[] bytes() {
        return bytes.clone();
    }
}
