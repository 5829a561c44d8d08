/**
 * OpenPGP verification: the bytes that were signed, or a reason.
 *
 * <p>Start at {@link SignatureVerifier}; {@link Keyring} says whose signatures count. The framing of files and
 * packets is read strictly here, the arithmetic is Bouncy Castle's, and every rule about keys and signatures
 * is this package's own, because the library checks mathematics only. Nothing here reads a file, a clock or a
 * network. RFC 9580, versions 4 of keys and signatures; rows S-44 to S-55 of the security catalogue.
 */
@NullMarked
package org.rackboot.region.signature;

import org.jspecify.annotations.NullMarked;
