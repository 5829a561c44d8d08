/** The configuration file, its variables and flags, as one record per section; all problems are told at once. */
@NullMarked
package org.rackboot.server.config;

import org.jspecify.annotations.NullMarked;
