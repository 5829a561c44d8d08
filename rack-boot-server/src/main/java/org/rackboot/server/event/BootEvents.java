package org.rackboot.server.event;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.rackboot.protocol.bootname.MacAddress;

/**
 * The bus. Publishing never blocks and never throws: event loops do it. Readers run one after another on the bus's own
 * thread; when they cannot keep up, events are dropped and counted.
 */
public final class BootEvents implements AutoCloseable {
    private static final int CAPACITY = 16_384;
    /** After a crowd of events, the next crowd gathers for a moment: waking a thread costs more than an event. */
    private static final int CROWD = 16;

    private static final int MAC_LENGTH = "52:54:00:0b:00:00".length();
    private static final long MOMENT_NANOS = 1_000_000;

    private final BlockingQueue<BootEvent> queue = new ArrayBlockingQueue<>(CAPACITY);
    private final List<Consumer<BootEvent>> readers = new CopyOnWriteArrayList<>();
    private final List<Runnable> quiet = new CopyOnWriteArrayList<>();
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

    /** Takes note of whose an address is, as DHCP has it: for machines beyond routers. */
    public void heard(InetAddress address, String mac) {
        neighbours.heard(address, mac);
    }

    public void subscribe(Consumer<BootEvent> reader) {
        readers.add(reader);
    }

    /** @param work for the bus's thread, after a second without events */
    public void whenQuiet(Runnable work) {
        quiet.add(work);
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
        List<BootEvent> crowd = new ArrayList<>();
        while (!closed) {
            try {
                BootEvent first = queue.poll(1, TimeUnit.SECONDS);
                if (first == null) {
                    quiet.forEach(Runnable::run);
                    continue;
                }
                deliver(first);
            } catch (InterruptedException e) {
                break;
            }
            queue.drainTo(crowd);
            crowd.forEach(this::deliver);
            if (crowd.size() >= CROWD) {
                LockSupport.parkNanos(MOMENT_NANOS);
            }
            crowd.clear();
        }
        for (BootEvent event = queue.poll(); event != null; event = queue.poll()) {
            deliver(event);
        }
    }

    private void deliver(BootEvent event) {
        BootEvent known = event.mac().isPresent() ? event : event.withMac(macOf(event));
        for (Consumer<BootEvent> reader : readers) {
            reader.accept(known);
        }
    }

    private Optional<String> macOf(BootEvent event) {
        Optional<String> named = macIn(event.name());
        InetAddress address = event.client().getAddress();
        return named.or(() -> neighbours.macOf(address)).or(() -> neighbours.heardOf(address));
    }

    /** The MAC address at a name's end, or before its last word: {@code grub.cfg-52:54:00:0b:00:00-amd64}. */
    static Optional<String> macIn(String name) {
        Optional<String> last = macEndingAt(name, name.length());
        return last.isPresent() ? last : macEndingAt(name, name.lastIndexOf('-'));
    }

    private static Optional<String> macEndingAt(String name, int end) {
        int start = end - MAC_LENGTH;
        if (start < 0 || (start > 0 && Character.digit(name.charAt(start - 1), 16) >= 0)) {
            return Optional.empty();
        }
        for (int i = start + 2; i < end; i += 3) {
            if (name.charAt(i) != ':' && name.charAt(i) != '-') {
                return Optional.empty();
            }
        }
        return MacAddress.parse(name.substring(start, end)).map(MacAddress::text);
    }
}
