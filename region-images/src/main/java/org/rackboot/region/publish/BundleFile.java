package org.rackboot.region.publish;

import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.rackboot.region.signature.Keyring;
import org.rackboot.region.simplestreams.StreamReader;
import org.rackboot.region.sync.Mirror;

/**
 * A bundle: a simplestreams mirror in one tar file, its index first, then the other metadata, then the files. Read in place;
 * nothing is ever unpacked. Its structure is checked when it is opened, and says nothing of who made it: whoever reads from
 * it verifies signatures and hashes, as of any mirror. Thread-safe.
 */
public final class BundleFile implements Mirror, Closeable {
    /** A keyring that may travel along, to be compared; never trusted by itself. */
    public static final String KEYRING = "keyring.gpg";

    static final String METADATA = "streams/";
    static final String INDEX = "streams/v1/index.sjson";
    private static final String UNSIGNED_INDEX = "streams/v1/index.json";
    private static final int MAX_MEMBERS = 100_000;
    private static final int MAX_METADATA = 1_000;
    private static final int MAX_PADDING = 1 << 20; // Some tars fill up their last record.
    private static final int PIECE_BYTES = 1 << 16;

    private final Path file;
    private final URI root;
    private final FileChannel channel;
    private final Map<String, Member> members = new LinkedHashMap<>();

    private record Member(long at, long size) {}

    /** The file is no bundle, or not a whole one. */
    public static final class BundleException extends IOException {
        BundleException(Path file, String why, @Nullable Throwable cause) {
            super("%s is refused: %s".formatted(file, why), cause);
        }
    }

    private BundleFile(Path file, URI root, FileChannel channel) {
        this.file = file;
        this.root = root;
        this.channel = channel;
    }

    /**
     * Opens a bundle and looks at every header.
     *
     * @param root the address that its files are asked for below; with a final slash
     * @throws BundleException if it is damaged, cut off, or is no bundle
     * @throws IOException if it cannot be read
     */
    public static BundleFile open(Path file, URI root) throws IOException {
        FileChannel channel;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
        } catch (NoSuchFileException e) {
            throw new IOException("There is no file " + file, e);
        }
        boolean opened = false;
        try {
            BundleFile bundle = new BundleFile(file, root, channel);
            bundle.readHeaders();
            opened = true;
            return bundle;
        } finally {
            if (!opened) {
                channel.close();
            }
        }
    }

    private void readHeaders() throws IOException {
        long length = channel.size();
        long at = 0;
        boolean contentBegan = false;
        byte[] block = block(at, length);
        if (block[0] == 0x1f && (block[1] & 0xff) == 0x8b) {
            throw refused("it is compressed; unpack it with gunzip first");
        }
        for (; !isZero(block); block = block(at, length)) {
            TarHeader header;
            try {
                header = TarHeader.decode(block);
            } catch (IOException e) {
                throw new BundleException(
                        file,
                        "at byte %d %s. It is no bundle, or was damaged on its way; copy it again"
                                .formatted(at, e.getMessage()),
                        e);
            }
            at += TarHeader.BLOCK;
            String name = header.name();
            boolean metadata = name.startsWith(METADATA);
            require(
                    !members.isEmpty() || name.equals(INDEX) || name.equals(UNSIGNED_INDEX),
                    "it begins with '%s', a bundle with its index".formatted(name));
            require(!metadata || !contentBegan, "'%s' is metadata, which comes before all else".formatted(name));
            require(!metadata || members.size() < MAX_METADATA, "it has more than 1000 files of metadata");
            require(members.size() < MAX_MEMBERS, "it has more than 100000 files");
            long most = metadata
                    ? StreamReader.MAX_FILE_BYTES
                    : name.equals(KEYRING) ? Keyring.MAX_BYTES : TarHeader.MAX_SIZE;
            require(
                    header.size() <= most,
                    "'%s' has %d bytes; at most %d are taken".formatted(name, header.size(), most));
            require(members.put(name, new Member(at, header.size())) == null, "'%s' is in it twice".formatted(name));
            contentBegan |= !metadata;
            at += header.paddedSize();
            if (at > length) {
                throw cutOff(length);
            }
        }
        requireEnd(at, length);
        require(!members.isEmpty(), "it is empty");
    }

    private byte[] block(long at, long length) throws IOException {
        if (at + TarHeader.BLOCK > length) {
            throw cutOff(length);
        }
        ByteBuffer block = ByteBuffer.allocate(TarHeader.BLOCK);
        read(block, at);
        return block.array();
    }

    /** Two blocks of zeros, and nothing else from there on. */
    private void requireEnd(long at, long length) throws IOException {
        block(at + TarHeader.BLOCK, length);
        require(length - at <= MAX_PADDING, "something follows its end");
        ByteBuffer rest = ByteBuffer.allocate((int) (length - at));
        read(rest, at);
        require(isZero(rest.array()), "something follows its end");
    }

    private static boolean isZero(byte[] bytes) {
        for (byte b : bytes) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    private void read(ByteBuffer into, long at) throws IOException {
        long next = at;
        while (into.hasRemaining()) {
            int count = channel.read(into, next);
            if (count < 0) {
                throw cutOff(next);
            }
            next += count;
        }
    }

    private void require(boolean condition, String why) throws BundleException {
        if (!condition) {
            throw refused(why);
        }
    }

    private BundleException refused(String why) {
        return new BundleException(file, why, null);
    }

    private BundleException cutOff(long length) {
        return refused(
                "it ends after %d bytes in the middle of a file: it was cut off; copy it again".formatted(length));
    }

    /** The keyring that travelled along, if one did. Not to be trusted before somebody compared its fingerprint. */
    public Optional<byte[]> keyring() throws IOException {
        Member member = members.get(KEYRING);
        return member == null ? Optional.empty() : Optional.of(whole(member));
    }

    /** Whether its index is a signed one. */
    public boolean isSigned() {
        return members.containsKey(INDEX);
    }

    @Override
    public Optional<Set<String>> part() {
        return Optional.of(members.keySet());
    }

    @Override
    public byte[] metadata(URI address, int maxBytes) throws IOException {
        Member member = member(address);
        if (member.size() > maxBytes) {
            throw new MirrorException("it has %d bytes; at most %d are taken".formatted(member.size(), maxBytes));
        }
        return whole(member);
    }

    @Override
    public void download(URI address, long from, Optional<String> ifRange, long size, Receiver receiver)
            throws IOException, InterruptedException {
        Member member = member(address);
        if (member.size() != size) {
            throw new MirrorException("the bundle has %d bytes; the stream says %d".formatted(member.size(), size));
        }
        receiver.begin(from, Optional.empty());
        ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
        for (long at = from; at < size; at += piece.limit()) {
            if (Thread.interrupted()) {
                throw new InterruptedException("stopped");
            }
            piece.clear().limit((int) Math.min(PIECE_BYTES, size - at));
            read(piece, member.at() + at);
            receiver.accept(piece.flip());
        }
    }

    private Member member(URI address) throws NotFoundException {
        String text = address.toString();
        Member member = text.startsWith(root.toString())
                ? members.get(text.substring(root.toString().length()))
                : null;
        if (member == null) {
            throw new NotFoundException("it is not in the bundle");
        }
        return member;
    }

    private byte[] whole(Member member) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(member.size()));
        read(bytes, member.at());
        return bytes.array();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
