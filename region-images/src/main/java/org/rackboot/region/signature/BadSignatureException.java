package org.rackboot.region.signature;

/** A document that must not be used: what failed, why, and what an operator can do about it. */
public final class BadSignatureException extends Exception {

    /** Why a document was refused; one for every rule, so that a source's status can name it. */
    public enum Reason {
        /** There is no signature at all. */
        NOT_SIGNED,
        /** The file breaks the format, or uses a part of it that is a known way to deceive. */
        MALFORMED,
        /** The file is larger than any that is read. */
        TOO_LARGE,
        /** A version or algorithm that this verifier does not know. */
        UNSUPPORTED,
        /** Signed, but by nobody in the keyring. */
        UNKNOWN_KEY,
        /** Claims a key of the keyring, and that key did not sign these bytes. */
        WRONG,
        /** A signature made for something other than a document of this kind. */
        WRONG_TYPE,
        /** MD5, SHA-1 or RIPEMD-160. */
        WEAK_DIGEST,
        /** The {@code Hash} header does not announce the digest that was used. */
        UNANNOUNCED_DIGEST,
        /** RSA below 2048 bits, a small curve, DSA or ElGamal. */
        WEAK_KEY,
        /** The key had expired at the time of checking. */
        EXPIRED_KEY,
        /** The signature itself had expired. */
        EXPIRED_SIGNATURE,
        /** The owner revoked the key. */
        REVOKED_KEY,
        /** The owner did not make the key for signing documents. */
        NOT_A_SIGNING_KEY,
        /** Dated before its key existed. */
        BEFORE_KEY,
        /** Dated more than a day ahead. */
        FUTURE,
        /** Carries a critical extension that nobody here understands. */
        CRITICAL_EXTENSION
    }

    private final Reason reason;

    BadSignatureException(Reason reason, String message) {
        super(message);
        this.reason = reason;
    }

    BadSignatureException(Reason reason, String message, Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    public Reason reason() {
        return reason;
    }
}
