package org.rackboot.server.tftp;

import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.unix.Errors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a window may be handed to the kernel in one piece, for it or the network card to cut up (UDP_SEGMENT): by far
 * the cheapest way to send one. Some cards and virtual devices refuse; then blocks go out one by one from there, for good.
 * One for each address that is listened on, since that names the interface.
 */
final class Segmentation {
    private static final Logger LOG = LoggerFactory.getLogger(Segmentation.class);
    private static final int EIO = 5;
    private static final int EINVAL = 22;
    private static final int EMSGSIZE = 90;
    private static final int EOPNOTSUPP = 95;

    private final Runnable onRefusal;
    private volatile boolean allowed;

    /**
     * @param epoll the transport that knows how
     * @param onRefusal told once
     */
    Segmentation(boolean epoll, Runnable onRefusal) {
        this.allowed = epoll && EpollDatagramChannel.isSegmentedDatagramPacketSupported();
        this.onRefusal = onRefusal;
    }

    boolean isAllowed() {
        return allowed;
    }

    /** A segmented send failed; whatever the reason, the caller sends its blocks one by one. */
    void failed(Throwable cause) {
        if (allowed && isRefusal(cause)) {
            allowed = false;
            LOG.info(
                    "Segmented sends are refused here, blocks go out one by one: {}",
                    String.valueOf(cause.getMessage()));
            onRefusal.run();
        }
    }

    static boolean isRefusal(Throwable cause) {
        if (!(cause instanceof Errors.NativeIoException failure)) {
            return false;
        }
        int errno = Math.abs(failure.expectedErr());
        return errno == EIO || errno == EINVAL || errno == EMSGSIZE || errno == EOPNOTSUPP;
    }
}
