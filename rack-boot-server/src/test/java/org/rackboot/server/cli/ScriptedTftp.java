package org.rackboot.server.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A TFTP server that follows a script instead of the RFC: its n-th packet answers the client's n-th, whatever that is, from a
 * port of its own. Packets are written one character per byte.
 */
final class ScriptedTftp implements AutoCloseable {
    /** What the client sent, in order. */
    final List<String> heard = new CopyOnWriteArrayList<>();

    private final DatagramSocket asked = new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    private final DatagramSocket transfer;
    private final List<String> script;
    private int answered;

    /** @param from the address that answers; machines know 127.0.0.1 */
    ScriptedTftp(String from, String... script) throws IOException {
        this.transfer = new DatagramSocket(new InetSocketAddress(InetAddress.getByName(from), 0));
        this.script = List.of(script);
        new Thread(() -> serve(asked), "scripted-tftp").start();
        new Thread(() -> serve(transfer), "scripted-tftp-transfer").start();
    }

    static ScriptedTftp saying(String... script) throws IOException {
        return new ScriptedTftp("127.0.0.1", script);
    }

    String url(String name) {
        return "tftp://127.0.0.1:%d/%s".formatted(asked.getLocalPort(), name);
    }

    private void serve(DatagramSocket socket) {
        try {
            while (true) {
                DatagramPacket packet = new DatagramPacket(new byte[2_048], 2_048);
                socket.receive(packet);
                answer(packet);
            }
        } catch (SocketException e) {
            // Closed: the test is over.
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private synchronized void answer(DatagramPacket packet) throws IOException {
        heard.add(new String(packet.getData(), 0, packet.getLength(), ISO_8859_1));
        if (answered < script.size()) {
            byte[] reply = script.get(answered++).getBytes(ISO_8859_1);
            transfer.send(new DatagramPacket(reply, reply.length, packet.getSocketAddress()));
        }
    }

    @Override
    public void close() {
        asked.close(); // And so ends its thread, as the other one.
        transfer.close();
    }
}
