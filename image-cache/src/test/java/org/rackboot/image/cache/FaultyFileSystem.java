package org.rackboot.image.cache;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.FileStoreAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * The real file system, seen through paths that remember each call and fail those that the test chooses. Writes are
 * short, as POSIX allows.
 */
final class FaultyFileSystem extends FileSystem {
    private static final long PLENTY = 1L << 40;

    private final Path root;
    private final FaultyProvider provider;
    private final List<String> calls = new ArrayList<>();
    private long failFrom = Long.MAX_VALUE;
    private long failTo = Long.MAX_VALUE;
    private int longestWrite = 300_000;
    private int openChannels;
    private long capacity = PLENTY;
    private final Map<String, List<Long>> rotten = new HashMap<>(); // By name; a channel keeps its file's list.

    FaultyFileSystem(Path root) {
        this.root = root;
        this.provider = new FaultyProvider();
    }

    Path root() {
        return wrap(root);
    }

    /** What was called, as {@code "verb name"}, from the first call on. */
    List<String> calls() {
        return calls;
    }

    int openChannels() {
        return openChannels;
    }

    /** Calls number {@code from} to before {@code to}, counted from 0 since the beginning, fail. */
    void fail(long from, long to) {
        failFrom = from;
        failTo = to;
    }

    /** No more than that fits, from now on. */
    void holdAtMost(long bytes) {
        capacity = bytes;
    }

    private long usedBytes() throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        }
    }

    /** A bit of that file is read wrong from now on, and nothing else of it changes; until it is deleted or replaced. */
    void rot(String name, long at) {
        rotten.computeIfAbsent(name, each -> new ArrayList<>()).add(at);
    }

    void writeAtMost(int bytes) {
        longestWrite = bytes;
    }

    private void call(String verb, Path file) throws IOException {
        int number = calls.size();
        Path name = file.getFileName();
        calls.add(verb + " " + name);
        if (number >= failFrom && number < failTo) {
            throw new IOException("injected: call %d, %s %s".formatted(number, verb, name));
        }
    }

    private Path wrap(Path real) {
        return (Path) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {Path.class, Wrapped.class}, (p, method, args) -> {
                    if (method.getName().equals("getFileSystem")) {
                        return this;
                    }
                    if (method.getName().equals("real")) {
                        return real;
                    }
                    Object[] unwrapped = args == null ? new Object[0] : args.clone();
                    for (int i = 0; i < unwrapped.length; i++) {
                        unwrapped[i] = unwrapped[i] instanceof Wrapped wrapped ? wrapped.real() : unwrapped[i];
                    }
                    try {
                        Object result = method.invoke(real, unwrapped);
                        return result instanceof Path path ? wrap(path) : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private static Path unwrap(Path path) {
        return path instanceof Wrapped wrapped ? wrapped.real() : path;
    }

    private interface Wrapped {
        Path real();
    }

    private final class FaultyProvider extends FileSystemProvider {
        private final FileSystemProvider real = root.getFileSystem().provider();

        @Override
        public FileChannel newFileChannel(Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
                throws IOException {
            call("open", path);
            FileChannel channel = real.newFileChannel(unwrap(path), options, attributes);
            openChannels++;
            return new FaultyChannel(channel, path);
        }

        @Override
        public DirectoryStream<Path> newDirectoryStream(Path directory, DirectoryStream.Filter<? super Path> filter)
                throws IOException {
            call("list", directory);
            DirectoryStream<Path> stream = real.newDirectoryStream(unwrap(directory), each -> true);
            return new DirectoryStream<>() {
                @Override
                public Iterator<Path> iterator() {
                    return StreamSupport.stream(stream.spliterator(), false)
                            .map(FaultyFileSystem.this::wrap)
                            .iterator();
                }

                @Override
                public void close() throws IOException {
                    stream.close();
                }
            };
        }

        @Override
        public void delete(Path path) throws IOException {
            call("delete", path);
            rotten.remove(String.valueOf(path.getFileName()));
            real.delete(unwrap(path));
        }

        @Override
        public void move(Path source, Path target, CopyOption... options) throws IOException {
            call("move", source);
            rotten.remove(String.valueOf(target.getFileName()));
            real.move(unwrap(source), unwrap(target), options);
        }

        @Override
        public <A extends BasicFileAttributes> A readAttributes(Path path, Class<A> type, LinkOption... options)
                throws IOException {
            call("stat", path);
            return real.readAttributes(unwrap(path), type, options);
        }

        @Override
        public void createDirectory(Path directory, FileAttribute<?>... attributes) throws IOException {
            call("mkdir", directory);
            real.createDirectory(unwrap(directory), attributes);
        }

        @Override
        public void checkAccess(Path path, AccessMode... modes) throws IOException {
            real.checkAccess(unwrap(path), modes);
        }

        @Override
        public String getScheme() {
            return "faulty";
        }

        @Override
        public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileSystem getFileSystem(URI uri) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Path getPath(URI uri) {
            throw new UnsupportedOperationException();
        }

        @Override
        public SeekableByteChannel newByteChannel(
                Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void copy(Path source, Path target, CopyOption... options) {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean isSameFile(Path path, Path other) {
            throw new UnsupportedOperationException();
        }

        @Override
        public boolean isHidden(Path path) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileStore getFileStore(Path path) throws IOException {
            call("df", path);
            return new LimitedStore();
        }

        @Override
        public <V extends FileAttributeView> V getFileAttributeView(Path path, Class<V> type, LinkOption... options) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Map<String, Object> readAttributes(Path path, String attributes, LinkOption... options)
                throws IOException {
            call("stat", path);
            return real.readAttributes(unwrap(path), attributes, options);
        }

        @Override
        public void setAttribute(Path path, String attribute, Object value, LinkOption... options) {
            throw new UnsupportedOperationException();
        }
    }

    private final class LimitedStore extends FileStore {
        @Override
        public long getTotalSpace() {
            return capacity;
        }

        @Override
        public long getUsableSpace() throws IOException {
            return capacity - usedBytes();
        }

        @Override
        public long getUnallocatedSpace() throws IOException {
            return getUsableSpace();
        }

        @Override
        public String name() {
            return "limited";
        }

        @Override
        public String type() {
            return "limited";
        }

        @Override
        public boolean isReadOnly() {
            return false;
        }

        @Override
        public boolean supportsFileAttributeView(Class<? extends FileAttributeView> type) {
            return false;
        }

        @Override
        public boolean supportsFileAttributeView(String name) {
            return false;
        }

        @Override
        public <V extends FileStoreAttributeView> @Nullable V getFileStoreAttributeView(Class<V> type) {
            return null;
        }

        @Override
        public Object getAttribute(String attribute) {
            throw new UnsupportedOperationException();
        }
    }

    private final class FaultyChannel extends FileChannel {
        private final FileChannel real;
        private final Path path;
        private final List<Long> rot;

        FaultyChannel(FileChannel real, Path path) {
            this.real = real;
            this.path = path;
            this.rot = rotten.computeIfAbsent(String.valueOf(path.getFileName()), each -> new ArrayList<>());
        }

        @Override
        public int read(ByteBuffer into, long position) throws IOException {
            call("read", path);
            int start = into.position();
            int read = real.read(into, position);
            for (long at : rot) {
                if (at >= position && at < position + read) {
                    int turned = start + (int) (at - position);
                    into.put(turned, (byte) (into.get(turned) ^ 4));
                }
            }
            return read;
        }

        @Override
        public int write(ByteBuffer from) throws IOException {
            call("write", path);
            return real.write(from);
        }

        @Override
        public int write(ByteBuffer from, long position) throws IOException {
            call("write", path);
            int written = Math.min(longestWrite, from.remaining());
            if (capacity < PLENTY && usedBytes() + written > capacity) {
                throw new IOException("No space left on device");
            }
            ByteBuffer part = from.slice().limit(written);
            while (part.hasRemaining()) {
                real.write(part, position + part.position());
            }
            from.position(from.position() + written);
            return written;
        }

        @Override
        public void force(boolean metadata) throws IOException {
            call("force", path);
            // Not passed on: a test pulls no plug, and a sync takes its time.
        }

        @Override
        protected void implCloseChannel() throws IOException {
            openChannels--;
            real.close();
        }

        @Override
        public long size() throws IOException {
            return real.size();
        }

        @Override
        public int read(ByteBuffer into) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long read(ByteBuffer[] into, int offset, int length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long write(ByteBuffer[] from, int offset, int length) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long position() {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileChannel position(long position) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileChannel truncate(long size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long transferTo(long position, long count, WritableByteChannel target) {
            throw new UnsupportedOperationException();
        }

        @Override
        public long transferFrom(ReadableByteChannel source, long position, long count) {
            throw new UnsupportedOperationException();
        }

        @Override
        public MappedByteBuffer map(MapMode mode, long position, long size) {
            throw new UnsupportedOperationException();
        }

        @Override
        public FileLock lock(long position, long size, boolean shared) {
            throw new UnsupportedOperationException();
        }

        @Override
        public @Nullable FileLock tryLock(long position, long size, boolean shared) {
            throw new UnsupportedOperationException();
        }
    }

    @Override
    public FileSystemProvider provider() {
        return provider;
    }

    @Override
    public void close() {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean isOpen() {
        return true;
    }

    @Override
    public boolean isReadOnly() {
        return false;
    }

    @Override
    public String getSeparator() {
        return "/";
    }

    @Override
    public Iterable<Path> getRootDirectories() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Iterable<FileStore> getFileStores() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
        return Set.of("basic");
    }

    @Override
    public Path getPath(String first, String... more) {
        return wrap(root.getFileSystem().getPath(first, more));
    }

    @Override
    public PathMatcher getPathMatcher(String syntaxAndPattern) {
        throw new UnsupportedOperationException();
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
        throw new UnsupportedOperationException();
    }

    @Override
    public WatchService newWatchService() {
        throw new UnsupportedOperationException();
    }
}
