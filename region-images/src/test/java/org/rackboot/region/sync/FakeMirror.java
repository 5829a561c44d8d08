package org.rackboot.region.sync;

import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A mirror in memory that answers as it should, unless the test scripted the next answer for a file. */
final class FakeMirror implements Mirror {
    static final URI ROOT = URI.create("http://mirror.example/stable/");
    private static final int PIECE_BYTES = 100_000;

    /** What a server does with one request for content. */
    interface Answer {
        void give(byte[] file, long from, Optional<String> ifRange, Receiver receiver)
                throws IOException, InterruptedException;
    }

    private final Map<String, byte[]> files = new ConcurrentHashMap<>();
    private final Map<String, Deque<Answer>> scripts = new ConcurrentHashMap<>();
    private final List<String> requests = new CopyOnWriteArrayList<>();

    FakeMirror serve(Map<String, byte[]> published) {
        files.clear();
        files.putAll(published);
        return this;
    }

    void serve(String path, byte[] bytes) {
        files.put(path, bytes);
    }

    void remove(String path) {
        files.remove(path);
    }

    byte[] file(String path) {
        return Optional.ofNullable(files.get(path)).orElseThrow();
    }

    /** The next answers to requests for a file; then it is served as it should be. */
    void script(String path, Answer... answers) {
        scripts.put(path, new ArrayDeque<>(List.of(answers)));
    }

    /** Paths asked for, with {@code @} and the offset if that is not 0; forgets them. */
    List<String> takeRequests() {
        List<String> all = List.copyOf(requests);
        requests.clear();
        return all;
    }

    static Answer breaksAfter(int bytes) {
        return (file, from, ifRange, receiver) -> {
            long first =
                    from > 0 && ifRange.filter(tag -> !tag.equals(etag(file))).isEmpty() ? from : 0;
            receiver.begin(first, Optional.of(etag(file)));
            send(file, (int) first, (int) first + bytes, receiver);
            throw new IOException("Connection reset");
        };
    }

    static Answer fails(IOException failure) {
        return (file, from, ifRange, receiver) -> {
            throw failure;
        };
    }

    /** Other bytes than the file's, all of them, with no regard for their number. */
    static Answer sends(byte[] bytes) {
        return (file, from, ifRange, receiver) -> {
            receiver.begin(0, Optional.empty());
            send(bytes, 0, bytes.length, receiver);
        };
    }

    /** A server that knows no ranges and no validators. */
    static Answer sendsAll() {
        return (file, from, ifRange, receiver) -> sends(file).give(file, from, ifRange, receiver);
    }

    @Override
    public byte[] metadata(URI address, int maxBytes) throws IOException, InterruptedException {
        String path = path(address);
        requests.add(path);
        byte[] file = existing(path);
        Optional<Answer> scripted = scripted(path);
        if (scripted.isPresent()) {
            scripted.get().give(file, 0, Optional.empty(), NOWHERE);
        }
        return file;
    }

    @Override
    public void download(URI address, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException {
        String path = path(address);
        requests.add(from == 0 ? path : path + "@" + from);
        byte[] file = existing(path);
        Optional<Answer> scripted = scripted(path);
        if (scripted.isPresent()) {
            scripted.get().give(file, from, ifRange, receiver);
            return;
        }
        if (file.length != size) {
            throw new MirrorException("the server has %d bytes; the stream says %d".formatted(file.length, size));
        }
        boolean same = ifRange.filter(tag -> !tag.equals(etag(file))).isEmpty();
        int first = same ? (int) from : 0;
        receiver.begin(first, Optional.of(etag(file)));
        send(file, first, file.length, receiver);
    }

    private static final Receiver NOWHERE = new Receiver() {
        @Override
        public void begin(long from, Optional<String> etag) {}

        @Override
        public void accept(ByteBuffer bytes) {}
    };

    private Optional<Answer> scripted(String path) {
        Deque<Answer> script = scripts.getOrDefault(path, new ArrayDeque<>());
        synchronized (script) {
            return Optional.ofNullable(script.poll());
        }
    }

    private byte[] existing(String path) throws MirrorException {
        byte[] file = files.get(path);
        if (file == null) {
            throw new NotFoundException("the server answered 404 (not found)");
        }
        return file;
    }

    private static void send(byte[] bytes, int from, int to, Receiver receiver) throws IOException {
        for (int at = from; at < to; at += PIECE_BYTES) {
            receiver.accept(ByteBuffer.wrap(bytes, at, Math.min(PIECE_BYTES, to - at)));
        }
    }

    private static String etag(byte[] file) {
        return "\"" + Arrays.hashCode(file) + "\"";
    }

    private static String path(URI address) {
        return address.toString().substring(ROOT.toString().length());
    }
}
