/** Whole flows: the program as an operator and a machine meet it, started as a process of its own. */
@NullMarked
package org.rackboot.it;

import org.jspecify.annotations.NullMarked;
