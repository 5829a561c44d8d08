package org.rackboot.server.http;

import java.time.Duration;
import org.rackboot.server.http.HttpListener.Deadlines;

/** The listener's deadlines with one of them so short that a test can wait for it. */
final class TestDeadlines {
    private static final Deadlines USUAL = Deadlines.STANDARD;

    private TestDeadlines() {}

    static Deadlines withHeader(Duration header) {
        return new Deadlines(
                header,
                USUAL.body(),
                USUAL.idle(),
                USUAL.idleWhenCrowded(),
                USUAL.slowest(),
                USUAL.linger(),
                USUAL.handshake(),
                USUAL.stop());
    }

    static Deadlines withBody(Duration body) {
        return new Deadlines(
                USUAL.header(),
                body,
                USUAL.idle(),
                USUAL.idleWhenCrowded(),
                USUAL.slowest(),
                USUAL.linger(),
                USUAL.handshake(),
                USUAL.stop());
    }

    static Deadlines withIdle(Duration idle, Duration whenCrowded) {
        return new Deadlines(
                USUAL.header(),
                USUAL.body(),
                idle,
                whenCrowded,
                USUAL.slowest(),
                USUAL.linger(),
                USUAL.handshake(),
                USUAL.stop());
    }

    static Deadlines withSlowest(Duration slowest) {
        return new Deadlines(
                USUAL.header(),
                USUAL.body(),
                USUAL.idle(),
                USUAL.idleWhenCrowded(),
                slowest,
                USUAL.linger(),
                USUAL.handshake(),
                USUAL.stop());
    }

    static Deadlines withLinger(Duration linger) {
        return new Deadlines(
                USUAL.header(),
                USUAL.body(),
                USUAL.idle(),
                USUAL.idleWhenCrowded(),
                USUAL.slowest(),
                linger,
                USUAL.handshake(),
                USUAL.stop());
    }

    static Deadlines withHandshake(Duration handshake) {
        return new Deadlines(
                USUAL.header(),
                USUAL.body(),
                USUAL.idle(),
                USUAL.idleWhenCrowded(),
                USUAL.slowest(),
                USUAL.linger(),
                handshake,
                USUAL.stop());
    }
}
