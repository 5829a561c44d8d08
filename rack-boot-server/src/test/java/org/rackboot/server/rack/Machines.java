package org.rackboot.server.rack;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;

/** Many machines that fetch one file at the same time, over TFTP and over HTTP, driven by one thread. */
final class Machines implements AutoCloseable {
    private static final int BLOCK_BYTES = 1_428;
    private static final int WINDOW = 8;
    private static final long REPEAT_NANOS = 1_000_000_000L;

    private final Selector selector;
    private final List<Machine> machines = new ArrayList<>();
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(64 << 10);

    Machines() throws IOException {
        selector = Selector.open();
    }

    void addTftp(InetSocketAddress server, String name) throws IOException {
        addTftp(server, name, InetAddress.getLoopbackAddress());
    }

    void addTftp(InetSocketAddress server, String name, InetAddress from) throws IOException {
        DatagramChannel channel = DatagramChannel.open().bind(new InetSocketAddress(from, 0));
        add(new Tftp(channel, server, name), SelectionKey.OP_READ);
    }

    void addHttp(InetSocketAddress server, String name) throws IOException {
        addHttp(server, name, InetAddress.getLoopbackAddress());
    }

    void addHttp(InetSocketAddress server, String name, InetAddress from) throws IOException {
        SocketChannel channel = SocketChannel.open().bind(new InetSocketAddress(from, 0));
        channel.connect(server);
        ByteBuffer request = ByteBuffer.wrap(
                ("GET /" + name + " HTTP/1.1\r\nHost: rack\r\nConnection: close\r\n\r\n").getBytes(US_ASCII));
        while (request.hasRemaining()) {
            channel.write(request);
        }
        add(new Http(channel), SelectionKey.OP_READ);
    }

    private void add(Machine machine, int interest) throws IOException {
        machine.channel().configureBlocking(false);
        machine.channel().register(selector, interest, machine);
        machines.add(machine);
        machine.begin();
    }

    /** Goes on until the condition holds, or {@code seconds} have passed. Returns whether it holds. */
    boolean run(Predicate<Machines> until, long seconds) throws IOException {
        long end = System.nanoTime() + seconds * 1_000_000_000L;
        while (!until.test(this)) {
            if (System.nanoTime() - end > 0) {
                return false;
            }
            selector.select(20);
            for (SelectionKey key : selector.selectedKeys()) {
                ((Machine) key.attachment()).receive(buffer);
            }
            selector.selectedKeys().clear();
            long now = System.nanoTime();
            for (Machine machine : machines) {
                machine.look(now);
            }
        }
        return true;
    }

    boolean allDone() {
        return machines.stream().allMatch(machine -> machine.result().isPresent());
    }

    /** sha256 of what each received, or what went wrong. */
    List<String> results() {
        return machines.stream()
                .map(machine -> machine.result().orElse("unfinished"))
                .toList();
    }

    /** The oldest machine goes, without a word. */
    void firstLeaves() throws IOException {
        machines.remove(0).channel().close();
    }

    @Override
    public void close() throws IOException {
        for (Machine machine : machines) {
            machine.channel().close();
        }
        selector.close();
    }

    private abstract static class Machine {
        private final MessageDigest digest = sha256();
        private Optional<String> result = Optional.empty();

        abstract SelectableChannel channel();

        abstract void begin() throws IOException;

        abstract void receive(ByteBuffer buffer) throws IOException;

        abstract void look(long nowNanos) throws IOException;

        final void take(ByteBuffer bytes) {
            digest.update(bytes);
        }

        final void done() throws IOException {
            end(HexFormat.of().formatHex(digest.digest()));
        }

        final void end(String how) throws IOException {
            if (result.isEmpty()) {
                result = Optional.of(how);
                channel().close();
            }
        }

        final Optional<String> result() {
            return result;
        }

        private static MessageDigest sha256() {
            try {
                return MessageDigest.getInstance("SHA-256");
            } catch (NoSuchAlgorithmException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** RFC 1350 with RFC 2348 and 7440; asks again when it hears nothing. */
    private static final class Tftp extends Machine {
        private final DatagramChannel channel;
        private final byte[] request;
        private SocketAddress server;
        private int expected = 1;
        private int inWindow;
        private boolean answered;
        private long saidNanos = System.nanoTime();

        Tftp(DatagramChannel channel, InetSocketAddress server, String name) {
            this.channel = channel;
            this.server = server;
            this.request = ("\0\1" + name + "\0octet\0blksize\0" + BLOCK_BYTES + "\0windowsize\0" + WINDOW + "\0")
                    .getBytes(US_ASCII);
        }

        @Override
        SelectableChannel channel() {
            return channel;
        }

        @Override
        void begin() throws IOException {
            channel.send(ByteBuffer.wrap(request), server);
        }

        @Override
        void receive(ByteBuffer buffer) throws IOException {
            while (channel.isOpen()) {
                buffer.clear();
                SocketAddress from = channel.receive(buffer);
                if (from == null) {
                    return;
                }
                buffer.flip();
                take(from, buffer);
            }
        }

        private void take(SocketAddress from, ByteBuffer packet) throws IOException {
            int code = packet.getShort();
            saidNanos = System.nanoTime();
            if (code == 6 && expected == 1) {
                server = from;
                answered = true;
                acknowledge(0);
            } else if (code == 5) {
                packet.getShort();
                end("TFTP error: " + US_ASCII.decode(packet));
            } else if (code == 3) {
                int block = packet.getShort() & 0xffff;
                if (block != (expected & 0xffff)) {
                    if (inWindow > 0) { // A gap: go on from the last good one.
                        inWindow = 0;
                        acknowledge(expected - 1);
                    }
                    return;
                }
                boolean last = packet.remaining() < BLOCK_BYTES;
                take(packet);
                expected++;
                inWindow++;
                if (last || inWindow == WINDOW) {
                    inWindow = 0;
                    acknowledge(expected - 1);
                }
                if (last) {
                    done();
                }
            }
        }

        @Override
        void look(long nowNanos) throws IOException {
            if (channel.isOpen() && nowNanos - saidNanos > REPEAT_NANOS) {
                saidNanos = nowNanos;
                if (answered) {
                    inWindow = 0;
                    acknowledge(expected - 1);
                } else {
                    begin();
                }
            }
        }

        private void acknowledge(int block) throws IOException {
            channel.send(
                    ByteBuffer.allocate(4)
                            .putShort((short) 4)
                            .putShort((short) block)
                            .flip(),
                    server);
        }
    }

    private static final class Http extends Machine {
        private final SocketChannel channel;
        private final StringBuilder head = new StringBuilder();
        private long missing = -1;

        Http(SocketChannel channel) {
            this.channel = channel;
        }

        @Override
        SelectableChannel channel() {
            return channel;
        }

        @Override
        void begin() {}

        @Override
        void receive(ByteBuffer buffer) throws IOException {
            buffer.clear();
            int read = channel.read(buffer);
            buffer.flip();
            if (read < 0) {
                end("closed with " + missing + " bytes missing: " + head);
                return;
            }
            while (missing < 0 && buffer.hasRemaining()) {
                head.append((char) buffer.get());
                if (head.toString().endsWith("\r\n\r\n")) {
                    parse(head.toString());
                }
            }
            missing -= buffer.remaining();
            take(buffer);
            if (missing == 0) {
                done();
            }
        }

        private void parse(String text) throws IOException {
            if (!text.startsWith("HTTP/1.1 200 ")) {
                end(text);
                return;
            }
            missing = text.lines()
                    .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-length:"))
                    .mapToLong(line -> Long.parseLong(line.substring(15).strip()))
                    .findFirst()
                    .orElseThrow();
        }

        @Override
        void look(long nowNanos) {}
    }
}
