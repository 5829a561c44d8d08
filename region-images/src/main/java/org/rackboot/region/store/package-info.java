/**
 * The region database: small repositories over plain JDBC. SQL appears only here.
 *
 * <p>Start at {@link org.rackboot.region.store.RegionDatabase}. SQLite in the state directory is the default,
 * PostgreSQL by its JDBC URL; one schema serves both.
 */
@NullMarked
package org.rackboot.region.store;

import org.jspecify.annotations.NullMarked;
