package org.rackboot.server.net;

import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.PriorityQueue;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Who may send how much, and when: a limit for all clients together, shared fairly by those who have something to send,
 * and one for each client's address. No I/O, no thread and no waiting: whoever may not send yet is told when he may.
 *
 * <p>Fair is by bytes and address (start-time fair queuing): an address with fifty connections gets no more than one
 * with one, which is what its connections share in turn. What is granted at one go shrinks with the number of those who
 * wait, down to one <em>unit</em> (of TFTP, a block), so that everybody gets something often. A flow is only opened while
 * there is a unit for each within {@value #MOST_ROUND_MILLIS} ms; with more, all of them would time out.
 *
 * <p>In any stretch of time no more bytes go than the rate allows, {@value #BURST_MILLIS} ms' worth, and one grant.
 * Thread-safe.
 */
public final class Egress {
    /** Calls back. */
    @FunctionalInterface
    public interface Alarm {
        /** Runs the task once, in so many nanoseconds or somewhat later, on any thread. */
        void after(long nanos, Runnable task);
    }

    /** One body on its way to one client. Asks for one grant at a time. */
    public interface Flow extends AutoCloseable {
        /**
         * Asks to send up to {@code wantedBytes} more, which is more than 0.
         *
         * @param whenGranted told the bytes that may go if they may not at once; on any thread, perhaps once even after
         *     {@link #close}; must not throw
         * @return bytes that may go now: all that is wanted, or a number of whole units; 0 = later
         */
        int ask(int wantedBytes, IntConsumer whenGranted);

        /** Nothing more is to be sent. */
        @Override
        void close();
    }

    private static final Optional<Flow> FREE = Optional.of(new Flow() {
        @Override
        public int ask(int wantedBytes, IntConsumer whenGranted) {
            return wantedBytes;
        }

        @Override
        public void close() {}
    });

    /** Grants everything at once. */
    public static final Egress UNLIMITED = new Egress(0, 0, () -> 0, (nanos, task) -> {});

    /** Why a flow was not opened, in words for logs and answers. */
    public static final String FULL = "this rack sends as much as it may (egress) to others already; try again";

    static final int MAX_CLIENTS = 32_768;
    static final long MOST_ROUND_MILLIS = 1_000;
    static final long BURST_MILLIS = 20; // What an alarm may come late without a loss.

    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final long NANOS_PER_SECOND = 1_000_000_000;
    private static final long BURST_NANOS = BURST_MILLIS * NANOS_PER_MILLI;
    private static final int TURNS_PER_SECOND = 10; // All who wait have a turn so often, if units are small enough.
    private static final int PIECES_PER_SECOND = 500; // Whatever the rate: so long others wait for one.
    private static final long ALARM_STEP_NANOS = NANOS_PER_MILLI;

    /** What is sent without asking is not paid for longer than so. */
    private static final long MOST_DEBT_NANOS = NANOS_PER_SECOND;

    private record Grant(int bytes, IntConsumer whenGranted) {}

    private static final class Client {
        private final InetAddress address;
        private final Deque<LimitedFlow> waiting = new ArrayDeque<>();
        private int flows;
        private long unitBytes; // Of all its flows.
        private long paidUntilNanos;
        private long startTag; // Virtual time: bytes that each of those who wait has got.
        private long finishTag;
        private long ticket;
        private boolean queued; // In one of the queues below, perhaps with nothing to ask for any more.
        private boolean leaving;

        private Client(InetAddress address, long nowNanos, long virtualTime) {
            this.address = address;
            this.paidUntilNanos = nowNanos - BURST_NANOS;
            this.finishTag = virtualTime;
        }
    }

    private final long bytesPerSecond;
    private final long clientBytesPerSecond;
    private final LongSupplier nanoClock;
    private final Alarm alarm;
    private final long beganNanos;

    // All guarded by this.
    private final Map<InetAddress, Client> clients = new HashMap<>();
    private final Deque<Client> leaving = new ArrayDeque<>(); // Without flows; forgotten once they have paid.
    private final TreeMap<Long, Integer> units = new TreeMap<>(); // Clients with flows, counted by unitBytes.
    private final PriorityQueue<Client> ready = new PriorityQueue<>(
            Comparator.<Client>comparingLong(client -> client.startTag).thenComparingLong(client -> client.ticket));
    private final PriorityQueue<Client> limited =
            new PriorityQueue<>(Comparator.comparingLong((Client client) -> client.paidUntilNanos));
    private int activeClients;
    private int waitingFlows;
    private long virtualTime;
    private long tickets;
    private long paidUntilNanos = -BURST_NANOS;
    private long alarmAtNanos = Long.MAX_VALUE;
    private long delayedBytes;
    private long refusedFlows;

    /**
     * @param bytesPerSecond of all clients together; 0 = no limit
     * @param clientBytesPerSecond of each address; 0 = no limit
     * @param nanoClock monotonic
     */
    public Egress(long bytesPerSecond, long clientBytesPerSecond, LongSupplier nanoClock, Alarm alarm) {
        if (bytesPerSecond < 0 || clientBytesPerSecond < 0) {
            throw new IllegalArgumentException(
                    "rates of %d and %d bytes per second".formatted(bytesPerSecond, clientBytesPerSecond));
        }
        this.bytesPerSecond = bytesPerSecond;
        this.clientBytesPerSecond = clientBytesPerSecond;
        this.nanoClock = nanoClock;
        this.alarm = alarm;
        this.beganNanos = nanoClock.getAsLong();
    }

    public boolean isLimited() {
        return bytesPerSecond > 0 || clientBytesPerSecond > 0;
    }

    /**
     * Begins to send a body.
     *
     * @param unitBytes the least that it makes sense to send; more than 0
     * @return empty if so many are being sent to already that not all would get a unit in time: try again later
     */
    public Optional<Flow> open(InetAddress address, int unitBytes) {
        return isLimited() ? openLimited(address, unitBytes) : FREE;
    }

    /** Takes note of something small that went out without asking: others wait for it. */
    public void spend(InetAddress address, int bytes) {
        if (isLimited()) {
            note(address, bytes);
        }
    }

    /** Flows that have asked and wait. */
    public synchronized int waiting() {
        return waitingFlows;
    }

    /** Addresses that are known: of open flows, and of those that went a moment ago. */
    public synchronized int clients() {
        return clients.size();
    }

    /** Bytes that had to wait. */
    public synchronized long delayedBytes() {
        return delayedBytes;
    }

    /** Flows that were not opened. */
    public synchronized long refusedFlows() {
        return refusedFlows;
    }

    private synchronized Optional<Flow> openLimited(InetAddress address, int unitBytes) {
        long now = now();
        forgetThoseWhoLeft(now);
        Client known = clients.get(address);
        if (!isRoomFor(known, unitBytes)) {
            refusedFlows++;
            return Optional.empty();
        }
        Client client = known == null ? new Client(address, now, virtualTime) : known;
        clients.put(address, client);
        weigh(client, 1, unitBytes);
        return Optional.of(new LimitedFlow(client, unitBytes));
    }

    /** A flow alone gets its unit, however long that takes. */
    private boolean isRoomFor(@Nullable Client client, int unitBytes) {
        if (client == null && clients.size() >= MAX_CLIENTS) {
            return false;
        }
        boolean isNew = client == null || client.flows == 0;
        long itsUnits = unitBytes + (client == null ? 0 : client.unitBytes);
        boolean withinItsOwn = isNew || isFedInTime(itsUnits, clientBytesPerSecond);
        long most = units.isEmpty() ? itsUnits : Math.max(itsUnits, units.lastKey());
        long active = isNew ? activeClients + 1L : activeClients;
        boolean alone = isNew && active == 1;
        return withinItsOwn && (alone || isFedInTime(most * active, bytesPerSecond));
    }

    private static boolean isFedInTime(long unitsOfAll, long rate) {
        return rate == 0 || unitsOfAll <= rate / 1_000 * MOST_ROUND_MILLIS;
    }

    private void weigh(Client client, int flows, int unitBytes) {
        if (client.flows > 0) {
            units.computeIfPresent(client.unitBytes, (key, count) -> count == 1 ? null : count - 1);
            activeClients--;
        }
        client.flows += flows;
        client.unitBytes += unitBytes;
        if (client.flows > 0) {
            units.merge(client.unitBytes, 1, Integer::sum);
            activeClients++;
        } else if (!client.leaving) {
            client.leaving = true;
            leaving.add(client);
        }
    }

    private void forgetThoseWhoLeft(long now) {
        for (Client first = leaving.peek(); first != null; first = leaving.peek()) {
            if (first.flows == 0) {
                boolean hadMore = waitingFlows > 0 && first.finishTag > virtualTime;
                boolean owes = clientBytesPerSecond > 0 && first.paidUntilNanos > now - BURST_NANOS;
                if (hadMore || owes) {
                    return; // Else it would come back at once, and begin afresh.
                }
                clients.remove(first.address);
            }
            first.leaving = false;
            leaving.remove();
        }
    }

    private synchronized void note(InetAddress address, int bytes) {
        long now = now();
        forgetThoseWhoLeft(now);
        paidUntilNanos = Math.min(
                charged(paidUntilNanos, bytes, bytesPerSecond, now), Math.max(paidUntilNanos, now + MOST_DEBT_NANOS));
        Client client = clients.get(address);
        if (client == null && clientBytesPerSecond > 0 && clients.size() < MAX_CLIENTS) {
            client = new Client(address, now, virtualTime);
            clients.put(address, client);
            weigh(client, 0, 0);
        }
        if (client != null && !client.queued) { // The queues are in order of what is paid.
            client.paidUntilNanos = Math.min(
                    charged(client.paidUntilNanos, bytes, clientBytesPerSecond, now),
                    Math.max(client.paidUntilNanos, now + MOST_DEBT_NANOS));
        }
    }

    private int ask(LimitedFlow flow, int wantedBytes, IntConsumer whenGranted) {
        OptionalLong wakeUp;
        synchronized (this) {
            if (flow.closed || flow.wantedBytes > 0 || wantedBytes <= 0) {
                throw new IllegalStateException("asked for %d bytes while %d are waited for, closed: %b"
                        .formatted(wantedBytes, flow.wantedBytes, flow.closed));
            }
            long now = now();
            Client client = flow.client;
            flow.wantedBytes = wantedBytes;
            promote(now);
            if (ready.isEmpty() && !client.queued && isPaid(client, now) && isPaid(now)) {
                client.startTag = Math.max(virtualTime, client.finishTag);
                return grant(flow, now);
            }
            flow.whenGranted = whenGranted;
            client.waiting.add(flow);
            waitingFlows++;
            if (!client.queued) {
                enqueue(client, now);
            }
            wakeUp = nextAlarm(now);
        }
        set(wakeUp);
        return 0;
    }

    private void set(OptionalLong wakeUp) {
        wakeUp.ifPresent(at -> alarm.after(Math.max(0, at - now()), () -> onAlarm(at)));
    }

    private void onAlarm(long at) {
        List<Grant> grants = new ArrayList<>();
        OptionalLong wakeUp;
        synchronized (this) {
            long now = now();
            if (at == alarmAtNanos) {
                alarmAtNanos = Long.MAX_VALUE;
            }
            grantWhatIsDue(now, grants);
            forgetThoseWhoLeft(now);
            wakeUp = nextAlarm(now);
        }
        set(wakeUp);
        grants.forEach(grant -> grant.whenGranted().accept(grant.bytes()));
    }

    private void grantWhatIsDue(long now, List<Grant> grants) {
        for (promote(now); !ready.isEmpty() && isPaid(now); promote(now)) {
            Client client = ready.remove();
            client.queued = false;
            LimitedFlow flow = client.waiting.remove();
            int bytes = grant(flow, now);
            waitingFlows--;
            delayedBytes += bytes;
            grants.add(new Grant(bytes, flow.takeWaiter()));
            if (!client.waiting.isEmpty()) {
                enqueue(client, now);
            }
        }
    }

    /** Those whose own limit lets them go stand in the common line; who has gone meanwhile stands in none. */
    private void promote(long now) {
        while (!limited.isEmpty() && limited.element().paidUntilNanos <= now) {
            Client client = limited.remove();
            client.queued = false;
            if (!client.waiting.isEmpty()) {
                enqueue(client, now);
            }
        }
        while (!ready.isEmpty() && ready.element().waiting.isEmpty()) {
            ready.remove().queued = false;
        }
    }

    private void enqueue(Client client, long now) {
        client.queued = true;
        if (isPaid(client, now)) {
            client.startTag = Math.max(virtualTime, client.finishTag);
            client.ticket = ++tickets;
            ready.add(client);
        } else {
            limited.add(client);
        }
    }

    /** The client's start tag is set, and it stands in no queue. */
    private int grant(LimitedFlow flow, long now) {
        Client client = flow.client;
        int bytes = size(flow);
        flow.wantedBytes = 0;
        virtualTime = Math.max(virtualTime, client.startTag);
        client.finishTag = client.startTag + bytes;
        paidUntilNanos = charged(paidUntilNanos, bytes, bytesPerSecond, now);
        client.paidUntilNanos = charged(client.paidUntilNanos, bytes, clientBytesPerSecond, now);
        return bytes;
    }

    /**
     * Little: a client in lockstep, who is back after each block, should not find that somebody was given a long piece
     * meanwhile; nor should anybody wait for many of them.
     */
    private int size(LimitedFlow flow) {
        long turn = Long.MAX_VALUE;
        if (bytesPerSecond > 0) {
            turn = bytesPerSecond / Math.max(PIECES_PER_SECOND, (long) TURNS_PER_SECOND * activeClients);
        }
        if (clientBytesPerSecond > 0) {
            turn = Math.min(turn, clientBytesPerSecond / TURNS_PER_SECOND);
        }
        long share = turn / flow.client.flows;
        long whole = Math.max(1, share / flow.unitBytes) * flow.unitBytes;
        return (int) Math.min(flow.wantedBytes, whole);
    }

    /** When to look again, if no alarm is set that comes early enough. At most once a millisecond. */
    private OptionalLong nextAlarm(long now) {
        if (waitingFlows == 0) {
            return OptionalLong.empty();
        }
        long due = bytesPerSecond > 0 ? paidUntilNanos : now;
        if (ready.isEmpty() && !limited.isEmpty()) {
            due = Math.max(due, limited.element().paidUntilNanos);
        }
        due = Math.max(due, now + ALARM_STEP_NANOS);
        if (alarmAtNanos <= due + ALARM_STEP_NANOS) {
            return OptionalLong.empty();
        }
        alarmAtNanos = due;
        return OptionalLong.of(due);
    }

    private void close(LimitedFlow flow) {
        synchronized (this) {
            if (flow.closed) {
                return;
            }
            flow.closed = true;
            if (flow.client.waiting.remove(flow)) {
                waitingFlows--;
            }
            weigh(flow.client, -1, -flow.unitBytes);
            forgetThoseWhoLeft(now());
        }
    }

    private boolean isPaid(long now) {
        return bytesPerSecond == 0 || paidUntilNanos <= now;
    }

    private boolean isPaid(Client client, long now) {
        return clientBytesPerSecond == 0 || client.paidUntilNanos <= now;
    }

    private static long charged(long paidUntilNanos, int bytes, long rate, long now) {
        return Math.max(paidUntilNanos, now - BURST_NANOS) + takesNanos(bytes, rate);
    }

    /** Rounded up: never more than the rate. */
    private static long takesNanos(int bytes, long rate) {
        return rate == 0 ? 0 : (bytes * NANOS_PER_SECOND + rate - 1) / rate;
    }

    private long now() {
        return nanoClock.getAsLong() - beganNanos;
    }

    private final class LimitedFlow implements Flow {
        private final Client client;
        private final int unitBytes;
        private int wantedBytes; // 0 = it has not asked.
        private boolean closed;
        private IntConsumer whenGranted = bytes -> {};

        LimitedFlow(Client client, int unitBytes) {
            this.client = client;
            this.unitBytes = unitBytes;
        }

        @Override
        public int ask(int wanted, IntConsumer waiter) {
            return Egress.this.ask(this, wanted, waiter);
        }

        @Override
        public void close() {
            Egress.this.close(this);
        }

        private IntConsumer takeWaiter() {
            IntConsumer waiter = whenGranted;
            whenGranted = bytes -> {};
            return waiter;
        }
    }
}
