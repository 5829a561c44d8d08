/**
 * The region: which images exist, proof that they are genuine, and what racks are told about them.
 *
 * <p>SQL appears only in {@code store}; OpenPGP
 * only in {@code signature}; the stream format only in {@code simplestreams}.
 */
@NullMarked
package org.rackboot.region;

import org.jspecify.annotations.NullMarked;
