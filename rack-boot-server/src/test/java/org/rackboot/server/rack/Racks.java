package org.rackboot.server.rack;

import java.nio.file.Path;
import java.time.Clock;
import java.util.function.Supplier;
import org.rackboot.image.cache.ImageCache;
import org.rackboot.protocol.bootconfig.BootTemplates;
import org.rackboot.protocol.resolve.BootCatalog;
import org.rackboot.protocol.resolve.BootResolution.Decision;
import org.rackboot.protocol.resolve.BootResolution.Stranger;
import org.rackboot.protocol.resolve.BootResolver;
import org.rackboot.protocol.resolve.MetadataNames;
import org.rackboot.protocol.resolve.RackMemory;
import org.rackboot.server.event.BootEvents;
import org.rackboot.server.event.Neighbours;

/** Racks with the built-in templates. */
final class Racks {
    private Racks() {}

    /** One of which nobody hears what it learns of machines. */
    static Rack rack(Supplier<BootCatalog> catalog, ImageCache cache, BootEvents events, Clock clock) {
        return rack(catalog, cache, events, clock, new Nobody());
    }

    static Rack rack(
            Supplier<BootCatalog> catalog, ImageCache cache, BootEvents events, Clock clock, Rack.Listener listener) {
        return new Rack(
                new BootResolver(
                        BootTemplates.builtIn(),
                        new MetadataNames(
                                text -> "%08x".formatted(text.hashCode()).repeat(4)),
                        RackMemory.NONE),
                listener,
                new Neighbours(Path.of("/nonexistent"), System::nanoTime),
                catalog,
                cache,
                events,
                new RackHttpTest.Ports(),
                false,
                clock,
                System::nanoTime);
    }

    /** Hears nothing. */
    static class Nobody implements Rack.Listener {
        @Override
        public void saw(Stranger stranger, String address, String asked) {}

        @Override
        public void delivered(Decision decision) {}
    }
}
