/** JSON and YAML that others wrote: read strictly, and refused in words. */
@NullMarked
package org.rackboot.server.json;

import org.jspecify.annotations.NullMarked;
