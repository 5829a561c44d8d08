package org.rackboot.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.SocketChannel;
import io.netty.util.ReferenceCountUtil;

/** Before a port that takes both: by a connection's first byte it tells TLS from HTTP, and is gone. */
final class TlsOrPlain extends ChannelInboundHandlerAdapter {
    /** A TLS record with a handshake in it (RFC 8446, 5.1). No request begins with it. */
    private static final byte HANDSHAKE = 0x16;

    private final SocketChannel channel;
    private final TlsDoor door;
    private final TlsCertificates certificates;

    TlsOrPlain(SocketChannel channel, TlsDoor door, TlsCertificates certificates) {
        this.channel = channel;
        this.door = door;
        this.certificates = certificates;
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ByteBuf bytes = (ByteBuf) message;
        if (bytes.isReadable()
                && bytes.getByte(bytes.readerIndex()) == HANDSHAKE
                && !door.addAfter(ctx.name(), channel, certificates)) {
            ReferenceCountUtil.release(message);
            return;
        }
        ctx.fireChannelRead(message);
        ctx.pipeline().remove(this);
    }
}
