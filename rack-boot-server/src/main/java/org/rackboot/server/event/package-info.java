/** What happened, one structured event per request, on a bus inside the process. Logs, metrics and timelines read it. */
@NullMarked
package org.rackboot.server.event;

import org.jspecify.annotations.NullMarked;
