/**
 * Names as they come from the wire, brought into one form. A name is looked up; it is never joined to a
 * file-system path (S-01).
 */
@NullMarked
package org.rackboot.protocol.bootname;

import org.jspecify.annotations.NullMarked;
