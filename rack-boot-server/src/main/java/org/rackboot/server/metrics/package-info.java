/** What operators watch: counters and gauges in Prometheus's text format on the admin listener. */
@NullMarked
package org.rackboot.server.metrics;

import org.jspecify.annotations.NullMarked;
