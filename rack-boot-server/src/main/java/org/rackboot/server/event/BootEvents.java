package org.rackboot.server.event;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The bus. Publishing never blocks and never throws: event loops do it. Readers run one after another on the bus's own
 * thread; when they cannot keep up, events are dropped and counted.
 */
public final class BootEvents implements AutoCloseable {
    private static final int CAPACITY = 16_384;

    private final BlockingQueue<BootEvent> queue = new ArrayBlockingQueue<>(CAPACITY);
    private final List<Consumer<BootEvent>> readers = new CopyOnWriteArrayList<>();
    private final AtomicLong dropped = new AtomicLong();
    private final Neighbours neighbours;
    private final Thread thread = new Thread(this::deliver, "boot-events");
    private volatile boolean closed;

    /** @param neighbours finds the MAC address of a client on the same network */
    public BootEvents(Neighbours neighbours) {
        this.neighbours = neighbours;
        thread.setDaemon(true);
        thread.start();
    }

    public void publish(BootEvent event) {
        if (!queue.offer(event)) {
            dropped.incrementAndGet();
        }
    }

    public void subscribe(Consumer<BootEvent> reader) {
        readers.add(reader);
    }

    /** Events that no reader saw. */
    public long dropped() {
        return dropped.get();
    }

    /** Delivers what was published before, then stops. */
    @Override
    public void close() {
        closed = true;
        thread.interrupt();
        try {
            thread.join(2_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void deliver() {
        while (!closed) {
            try {
                deliver(queue.take());
            } catch (InterruptedException e) {
                break;
            }
        }
        for (BootEvent event = queue.poll(); event != null; event = queue.poll()) {
            deliver(event);
        }
    }

    private void deliver(BootEvent event) {
        BootEvent known = event.mac().isPresent()
                ? event
                : event.withMac(neighbours.macOf(event.client().getAddress()));
        for (Consumer<BootEvent> reader : readers) {
            reader.accept(known);
        }
    }
}
