package org.rackboot.protocol.tftp;

/**
 * One option of a request or an option acknowledgement (RFC 2347).
 *
 * @param name as the peer wrote it; compare without regard to case
 * @param value decimal digits for every option this server knows; may be empty (quirk T14)
 */
public record TftpOption(String name, String value) {}
